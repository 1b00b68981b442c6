package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// senders keep the collector busy.
const senders = 4

// startSenders lets the senders loose; the function it returns waits for their end.
func startSenders(ctx context.Context, address string, next *atomic.Uint64) (func() error, error) {
	whole, err := newTemplate(shapeWhole, perBatch)
	if err != nil {
		return nil, err
	}
	var started []*sender
	for range senders {
		s, err := newSender(address, whole, next)
		if err != nil {
			return nil, err
		}
		started = append(started, s)
	}
	var all sync.WaitGroup
	ended := make([]error, senders)
	for i, s := range started {
		all.Go(func() { ended[i] = errors.Join(s.send(ctx), s.connection.Close()) })
	}
	return func() error {
		all.Wait()
		return errors.Join(ended...)
	}, nil
}

// sender sends OTLP requests as fast as they are taken.
type sender struct {
	connection *grpc.ClientConn
	template   *template
	next       *atomic.Uint64
}

func newSender(address string, t *template, next *atomic.Uint64) (*sender, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &sender{connection: connection, template: t, next: next}, nil
}

// send sends batches of new operations until ctx ends.
func (s *sender) send(ctx context.Context) error {
	for ctx.Err() == nil {
		// The buffer belongs to the connection once it was sent.
		data := s.template.render(nil, s.next.Add(uint64(s.template.operations))-uint64(s.template.operations), time.Now())
		var reply []byte
		if err := s.connection.Invoke(ctx, exportTraces, &data, &reply, grpc.ForceCodecV2(raw{})); err != nil && ctx.Err() == nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}
