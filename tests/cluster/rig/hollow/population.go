package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	taintKey    = "podium.test/hollow"
	workers     = 16
	beat        = 6 * time.Second // well inside the controller manager's grace period of 20 s
	patience    = 60 * time.Second
	podsOnANode = 2000
)

// population makes the nodes and pods and keeps the nodes Ready.
type population struct {
	client   kubernetes.Interface
	settings settings
	acts     []string
}

func (p *population) create(ctx context.Context) error {
	if err := p.createNamespace(ctx); err != nil {
		return err
	}
	if err := each(p.settings.nodes, func(i int) error { return p.createNode(ctx, i) }); err != nil {
		return err
	}
	go p.keepReady(ctx)
	return each(p.settings.pods, func(i int) error { return p.createPod(ctx, i) })
}

// each calls an action for 0..count-1 in parallel and gives the first error.
func each(count int, action func(int) error) error {
	indices := make(chan int, count)
	for i := range count {
		indices <- i
	}
	close(indices)
	failures := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range indices {
				if err := action(i); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	group.Wait()
	close(failures)
	return <-failures
}

func (p *population) createNamespace(ctx context.Context) error {
	space := &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: p.settings.namespace}}
	_, err := p.client.CoreV1().Namespaces().Create(ctx, space, meta.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	end := time.Now().Add(patience)
	for {
		_, err = p.client.CoreV1().ServiceAccounts(p.settings.namespace).Get(ctx, "default", meta.GetOptions{})
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *population) createNode(ctx context.Context, index int) error {
	name := nodeName(index)
	node := &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{
			"app": "hollow", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
		}},
		Spec: core.NodeSpec{Taints: []core.Taint{{Key: taintKey, Effect: core.TaintEffectNoSchedule}}},
	}
	_, err := p.client.CoreV1().Nodes().Create(ctx, node, meta.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return p.report(ctx, index)
}

// report patches the node's status: a patch meets no conflict with the controllers that write the node as well.
func (p *population) report(ctx context.Context, index int) error {
	_, text, err := net.SplitHostPort(p.settings.listen)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	room := core.ResourceList{
		core.ResourcePods:   *resource.NewQuantity(podsOnANode, resource.DecimalSI),
		core.ResourceCPU:    resource.MustParse("64"),
		core.ResourceMemory: resource.MustParse("256Gi"),
	}
	now := meta.Now()
	status := core.NodeStatus{
		Capacity:    room,
		Allocatable: room,
		Addresses: []core.NodeAddress{
			{Type: core.NodeInternalIP, Address: "127.0.0.1"},
			{Type: core.NodeHostName, Address: nodeName(index)},
		},
		DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: int32(port)}},
		Conditions: []core.NodeCondition{{
			Type: core.NodeReady, Status: core.ConditionTrue, Reason: "Hollow", Message: "there is no container here",
			LastHeartbeatTime: now, LastTransitionTime: now,
		}},
		NodeInfo: core.NodeSystemInfo{KubeletVersion: "v1.34.0-hollow", OperatingSystem: "linux", Architecture: "amd64"},
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = p.client.CoreV1().Nodes().Patch(
		ctx, nodeName(index), types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
	return err
}

// keepReady renews every node's Ready condition; a failed try is made again at the next beat.
func (p *population) keepReady(ctx context.Context) {
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for i := range p.settings.nodes {
			if err := p.report(ctx, i); err != nil && ctx.Err() == nil {
				log.Printf("node %s: %v", nodeName(i), err)
			}
		}
	}
}

func (p *population) createPod(ctx context.Context, index int) error {
	name, act := podName(index), p.acts[index]
	mount := false
	grace := int64(0)
	pod := &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{"app": "hollow", actLabel: act}},
		Spec: core.PodSpec{
			NodeName:                      nodeName(index % p.settings.nodes),
			AutomountServiceAccountToken:  &mount,
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []core.Container{{Name: "main", Image: "podium.test/static:1"}},
			Tolerations:                   []core.Toleration{{Operator: core.TolerationOpExists}},
		},
	}
	pods := p.client.CoreV1().Pods(p.settings.namespace)
	_, err := pods.Create(ctx, pod, meta.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	patch, err := json.Marshal(map[string]any{"status": runningStatus(index)})
	if err != nil {
		return err
	}
	_, err = pods.Patch(ctx, name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
	return err
}

func runningStatus(index int) core.PodStatus {
	now := meta.Now()
	started := true
	return core.PodStatus{
		Phase: core.PodRunning,
		Conditions: []core.PodCondition{
			{Type: core.PodScheduled, Status: core.ConditionTrue, LastTransitionTime: now},
			{Type: core.PodReady, Status: core.ConditionTrue, LastTransitionTime: now},
			{Type: core.ContainersReady, Status: core.ConditionTrue, LastTransitionTime: now},
		},
		StartTime: &now,
		PodIP:     fmt.Sprintf("10.216.%d.%d", index/250, index%250+1),
		ContainerStatuses: []core.ContainerStatus{{
			Name:        "main",
			Image:       "podium.test/static:1",
			Ready:       true,
			Started:     &started,
			ContainerID: fmt.Sprintf("containerd://%064x", index+1),
			State:       core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: now}},
		}},
	}
}
