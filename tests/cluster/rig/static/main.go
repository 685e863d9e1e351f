// Command static is the only program of the distroless image: it needs no shell, no tar and no library.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: static [COMMAND]
  sleep [SECONDS]   sleep, without SECONDS until SIGTERM (also without COMMAND)
  print ARG...      each argument on a line
  error ARG...      the same on stderr
  exit CODE         end with this code
  cat               stdin to stdout
  bytes COUNT       COUNT bytes of 'x' to stdout
  count             the number of bytes on stdin, as text
  env NAME          the value of an environment variable
`

func main() {
	command, rest := "sleep", []string{}
	if len(os.Args) > 1 {
		command, rest = os.Args[1], os.Args[2:]
	}
	if err := run(command, rest); err != nil {
		fmt.Fprintf(os.Stderr, "static: %v\n", err)
		os.Exit(1)
	}
}

func run(command string, rest []string) error {
	switch command {
	case "sleep":
		return sleep(rest)
	case "print":
		fmt.Println(strings.Join(rest, "\n"))
	case "error":
		fmt.Fprintln(os.Stderr, strings.Join(rest, "\n"))
	case "exit":
		code, err := number(rest)
		if err != nil {
			return err
		}
		os.Exit(int(code))
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "count":
		size, err := io.Copy(io.Discard, os.Stdin)
		fmt.Println(size)
		return err
	case "bytes":
		size, err := number(rest)
		if err != nil {
			return err
		}
		return write(size)
	case "env":
		if len(rest) != 1 {
			return fmt.Errorf("env takes one NAME")
		}
		fmt.Println(os.Getenv(rest[0]))
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(64)
	}
	return nil
}

func number(rest []string) (int64, error) {
	if len(rest) != 1 {
		return 0, fmt.Errorf("one number is needed")
	}
	return strconv.ParseInt(rest[0], 10, 64)
}

func sleep(rest []string) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	if len(rest) == 0 {
		<-ended
		return nil
	}
	seconds, err := strconv.ParseFloat(rest[0], 64)
	if err != nil {
		return err
	}
	select {
	case <-ended:
		os.Exit(143)
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	}
	return nil
}

func write(size int64) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	chunk := []byte(strings.Repeat("x", 1<<16))
	for size > 0 {
		part := min(size, int64(len(chunk)))
		if _, err := out.Write(chunk[:part]); err != nil {
			return err
		}
		size -= part
	}
	return out.Flush()
}
