package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

var errGone = errors.New("the connection is gone")

// executor runs one command of one pod on one connection.
type executor struct {
	pod   string
	acts  map[string][]string
	books *ledger
	wire  *wire
}

// ExecInContainer plays a command; its error decides the Status that the caller writes.
func (e *executor) ExecInContainer(
	_ context.Context, _, _, _ string, argv []string, in io.Reader, out, err io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	e.books.begin(e.pod)
	failure := e.run(argv, in, out, err)
	e.books.end(e.pod, !errors.Is(failure, errGone))
	return failure
}

func (e *executor) run(argv []string, in io.Reader, out, errOut io.WriteCloser) error {
	if argv[0] == "act" {
		argv = e.acts[e.pod]
	}
	rest := argv[1:]
	switch argv[0] {
	case "hostname":
		return say(out, e.pod+"\n")
	case "echo":
		return say(out, strings.Join(rest, " ")+"\n")
	case "error":
		return say(errOut, strings.Join(rest, " ")+"\n")
	case "true":
		return nil
	case "exit":
		code := number(rest, 0, 0)
		if code == 0 {
			return nil
		}
		return utilexec.CodeExitError{Err: fmt.Errorf("exit status %d", code), Code: code}
	case "bytes":
		return fill(out, number(rest, 0, 0))
	case "cat":
		return copyAll(out, in)
	case "sleep":
		return e.wire.wait(time.Duration(number(rest, 0, 1)) * time.Second)
	case "drop":
		_ = say(out, "before the cut\n")
		time.Sleep(time.Duration(number(rest, 0, 50)) * time.Millisecond)
		e.wire.reset()
		return errGone
	case "drip":
		return e.drip(out, number(rest, 0, 10), time.Duration(number(rest, 1, 100))*time.Millisecond)
	case "stall":
		_ = say(out, "before the stall\n")
		<-e.wire.gone
		return errGone
	}
	return fmt.Errorf("failed to exec in container: failed to start exec %q: OCI runtime exec failed: exec failed: "+
		"unable to start container process: exec: %q: executable file not found in $PATH: unknown", e.pod, argv[0])
}

func (e *executor) drip(out io.Writer, lines int, pause time.Duration) error {
	for i := range lines {
		if err := e.wire.wait(pause); err != nil {
			return err
		}
		if err := say(out, fmt.Sprintf("drop %d of %d\n", i+1, lines)); err != nil {
			return errGone
		}
	}
	return nil
}

func say(out io.Writer, text string) error {
	if out == nil {
		return nil
	}
	_, err := io.WriteString(out, text)
	return err
}

func copyAll(out io.Writer, in io.Reader) error {
	if in == nil || out == nil {
		return nil
	}
	_, err := io.Copy(out, in)
	return err
}

func fill(out io.Writer, size int) error {
	chunk := strings.Repeat("x", 32*1024)
	for size > 0 {
		part := min(size, len(chunk))
		if err := say(out, chunk[:part]); err != nil {
			return errGone
		}
		size -= part
	}
	return nil
}

func number(rest []string, place, otherwise int) int {
	if place >= len(rest) {
		return otherwise
	}
	value, err := strconv.Atoi(rest[place])
	if err != nil {
		return otherwise
	}
	return value
}
