package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// logs writes the container's log: numbered lines, a second apart, that ended when the program started.
func (k *kubelet) logs(w http.ResponseWriter, req *http.Request) {
	pod := req.PathValue("pod")
	if k.acts[pod] == nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	query := req.URL.Query()
	first := 0
	if tail, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		first = max(0, k.logLines-tail)
	}
	stamped := query.Get("timestamps") == "true"
	out := bufio.NewWriterSize(w, 1<<16)
	now := time.Now().UTC()
	for i := first; i < k.logLines; i++ {
		writeLine(out, pod, i, now.Add(time.Duration(i-k.logLines)*time.Second), stamped)
	}
	_ = out.Flush()
	if query.Get("follow") != "true" {
		return
	}
	flusher, _ := w.(http.Flusher)
	for i := k.logLines; ; i++ {
		flusher.Flush()
		select {
		case <-req.Context().Done():
			return
		case <-time.After(time.Second):
		}
		writeLine(out, pod, i, time.Now().UTC(), stamped)
		if out.Flush() != nil {
			return
		}
	}
}

func writeLine(out *bufio.Writer, pod string, index int, at time.Time, stamped bool) {
	if stamped {
		fmt.Fprintf(out, "%s ", at.Format(time.RFC3339Nano))
	}
	fmt.Fprintf(out, "%s line %d level=info msg=\"handled a request for one of the many users of this pod\"\n", pod, index)
}
