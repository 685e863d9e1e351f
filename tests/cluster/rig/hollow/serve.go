package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

const idleTimeout = 4 * time.Hour

type wireKey struct{}

// wire is the TCP connection below a request: a command can wait on it, and cut it.
type wire struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

// Read notices the peer's end, which is what ends a command that waits.
func (w *wire) Read(into []byte) (int, error) {
	size, err := w.Conn.Read(into)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.once.Do(func() { close(w.gone) })
	}
	return size, err
}

// Close ends the connection, from whatever side.
func (w *wire) Close() error {
	w.once.Do(func() { close(w.gone) })
	return w.Conn.Close()
}

// reset cuts the connection with RST: what is still under way is lost.
func (w *wire) reset() {
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = w.Close()
}

func (w *wire) wait(pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-w.gone:
		return errGone
	}
}

type wireListener struct{ net.Listener }

func (l wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, gone: make(chan struct{})}, nil
}

// kubelet answers for all hollow nodes.
type kubelet struct {
	books    *ledger
	acts     map[string][]string
	logLines int
}

func serve(ctx context.Context, s settings, k *kubelet) error {
	authority, err := os.ReadFile(s.authority)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return fmt.Errorf("no certificate in %s", s.authority)
	}
	pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	mux.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", k.exec)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.Handle("/ledger", k.books)
	server := &http.Server{
		Handler: mux,
		ConnContext: func(parent context.Context, conn net.Conn) context.Context {
			below := conn.(*tls.Conn).NetConn().(*wire)
			return context.WithValue(parent, wireKey{}, below)
		},
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"http/1.1"},
	}
	err = server.Serve(tls.NewListener(wireListener{listener}, config))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (k *kubelet) exec(w http.ResponseWriter, req *http.Request) {
	pod := req.PathValue("pod")
	argv := req.URL.Query()["command"]
	if k.acts[pod] == nil || len(argv) == 0 {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	act := argv
	if argv[0] == "act" {
		act = k.acts[pod]
	}
	if act[0] == "refuse" {
		text := fmt.Sprintf("container not found (%q)", req.PathValue("container"))
		http.Error(w, text, number(act[1:], 0, http.StatusInternalServerError))
		return
	}
	options, err := remotecommand.NewOptions(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	below := req.Context().Value(wireKey{}).(*wire)
	one := &executor{pod: pod, acts: k.acts, books: k.books, wire: below}
	remotecommand.ServeExec(w, req, one, pod, "", req.PathValue("container"), argv, options,
		idleTimeout, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}
