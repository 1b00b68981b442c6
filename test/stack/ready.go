package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	readyTimeout = 3 * time.Minute
	// pullTimeout leaves time to fetch a container image that is not on this machine yet.
	pullTimeout   = 5 * time.Minute
	readyInterval = 50 * time.Millisecond
	probeTimeout  = 10 * time.Second
)

// probe asks once whether a server does its work.
type probe func(ctx context.Context) error

// always is for commands that have nothing to wait for.
func always(context.Context) error { return nil }

func all(probes ...probe) probe {
	return func(ctx context.Context) error {
		for _, p := range probes {
			if err := p(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func listens(address string) probe {
	return func(ctx context.Context) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func answers(url string) probe {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

// awaitReady repeats the probe until it succeeds, the process ends, or ctx does.
func awaitReady(ctx context.Context, process *Process, ready probe) error {
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for {
		probeCtx, cancelProbe := context.WithTimeout(ctx, probeTimeout)
		err := ready(probeCtx)
		cancelProbe()
		if err == nil {
			return nil
		}
		select {
		case <-process.exited:
			return errors.Join(errors.New("it ended at start"), process.exitErr)
		case <-ctx.Done():
			return fmt.Errorf("%w; last attempt: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
