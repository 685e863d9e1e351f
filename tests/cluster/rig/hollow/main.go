// Command hollow plays the kubelets of many nodes without containers: it registers nodes and pods with a real API
// server and answers their exec and log endpoints, among others with planted faults.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type settings struct {
	kubeconfig  string
	authority   string
	certificate string
	key         string
	listen      string
	ready       string
	namespace   string
	nodes       int
	pods        int
	logLines    int
	acts        string
}

func main() {
	var s settings
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flag.StringVar(&s.authority, "client-ca", "", "CA of the API server's client certificate")
	flag.StringVar(&s.certificate, "cert", "", "serving certificate")
	flag.StringVar(&s.key, "key", "", "its key")
	flag.StringVar(&s.listen, "listen", "127.0.0.1:27250", "address of all the kubelets")
	flag.StringVar(&s.ready, "ready", "", "file to write once every pod is Running")
	flag.StringVar(&s.namespace, "namespace", "hollow", "namespace of the pods")
	flag.IntVar(&s.nodes, "nodes", 20, "how many nodes")
	flag.IntVar(&s.pods, "pods", 2000, "how many pods")
	flag.IntVar(&s.logLines, "log-lines", 1000, "how many lines each container has logged")
	flag.StringVar(&s.acts, "acts", "", "what `act` does in how many pods, e.g. drop=20,exit-3=40; the rest succeed")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := run(ctx, s); err != nil {
		log.Fatalf("hollow: %v", err)
	}
}

func run(ctx context.Context, s settings) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = -1, -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	acts, err := parseActs(s.acts, s.pods)
	if err != nil {
		return err
	}
	books := newLedger()
	failed := make(chan error, 1)
	go func() { failed <- serve(ctx, s, &kubelet{books: books, acts: actsByPod(acts), logLines: s.logLines}) }()
	world := &population{client: client, settings: s, acts: acts}
	if err := world.create(ctx); err != nil {
		return err
	}
	if s.ready != "" {
		if err := os.WriteFile(s.ready, []byte("ready\n"), 0o600); err != nil {
			return fmt.Errorf("cannot tell that all is ready: %w", err)
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
