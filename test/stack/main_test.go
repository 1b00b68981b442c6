package stack

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// The test binary plays the servers: newStack links it under their names, and main finds out which one it is.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if !slices.Contains(impersonated, name) {
		goleak.VerifyTestMain(m)
		return
	}
	if err := impersonate(name, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var impersonated = []string{"throughline", "jaeger", "alertmanager", "prometheus", "asyncgen", "docker"}

// impersonate listens where the real program would, answers every request, and ends at SIGTERM.
func impersonate(name string, args []string) error {
	fmt.Println(name, strings.Join(args, " "))
	switch name {
	case "throughline":
		return serve(os.Getenv("THROUGHLINE_OTLP_GRPC_ENDPOINT"), os.Getenv("THROUGHLINE_OTLP_HTTP_ENDPOINT"))
	case "jaeger":
		return serve(os.Getenv("JAEGER_QUERY_HTTP_ENDPOINT"), os.Getenv("JAEGER_OTLP_GRPC_ENDPOINT"))
	case "alertmanager", "prometheus":
		return serve(args[slices.Index(args, "--web.listen-address")+1])
	case "docker":
		var published []string
		for i, arg := range args {
			if arg == "--publish" {
				published = append(published, args[i+1][:strings.LastIndex(args[i+1], ":")])
			}
		}
		return serve(published...)
	default:
		if slices.Contains(args, "--fail") {
			return fmt.Errorf("told to fail")
		}
		return nil
	}
}

func serve(addresses ...string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}
	<-ctx.Done()
	return nil
}
