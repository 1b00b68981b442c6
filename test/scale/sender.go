package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// load says what is sent to a collector.
type load struct {
	template *template
	// senders are the connections, each of which sends one batch after another.
	senders int
	// next counts operations; it is shared, so that each is sent once. No batch begins at last or later; 0 = no end.
	next *atomic.Uint64
	last uint64
	// patience is how long a batch that cannot be taken at the moment is sent again; 0 = that is an error at once.
	patience time.Duration
	// refused counts how often a batch had to be sent again.
	refused atomic.Int64
}

// start lets the senders loose; the function it returns waits for their end.
func (l *load) start(ctx context.Context, address string) (func() error, error) {
	var started []*sender
	for range l.senders {
		s, err := newSender(address, l)
		if err != nil {
			return nil, err
		}
		started = append(started, s)
	}
	var all sync.WaitGroup
	ended := make([]error, l.senders)
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
	load       *load
}

func newSender(address string, l *load) (*sender, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &sender{connection: connection, load: l}, nil
}

// send sends batches of new operations until all were sent or ctx ends.
func (s *sender) send(ctx context.Context) error {
	l := s.load
	for ctx.Err() == nil {
		first := l.next.Add(uint64(l.template.operations)) - uint64(l.template.operations)
		if l.last > 0 && first >= l.last {
			return nil
		}
		// The buffer belongs to the connection once it was sent.
		data := l.template.render(nil, first, time.Now())
		if err := s.export(ctx, data); err != nil && ctx.Err() == nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// again is how long a sender waits when the collector cannot take a batch at the moment.
const again = 20 * time.Millisecond

// export sends a request until it is taken, as clients of OTLP do.
func (s *sender) export(ctx context.Context, data []byte) error {
	for began := time.Now(); ; {
		var reply []byte
		err := s.connection.Invoke(ctx, exportTraces, &data, &reply, grpc.ForceCodecV2(raw{}))
		if code := status.Code(err); code != codes.Unavailable && code != codes.ResourceExhausted || time.Since(began) >= s.load.patience {
			return err
		}
		s.load.refused.Add(1)
		if err := wait(ctx, again); err != nil {
			return err
		}
	}
}
