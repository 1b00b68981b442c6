package alertexporter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/alert"
)

// buckets is how many parts the memory has: each alert told writes one of them.
const buckets = 64

// memory keeps over a restart what a backend has been told, and what is true of that which waits to be told.
type memory struct {
	id     component.ID // of the storage extension
	logger *zap.Logger
	// client and book are set before the first delivery.
	client storage.Client
	book   *alert.Book

	mu sync.Mutex
	// written are the hashes of what the buckets hold.
	written [buckets]uint64 // guarded by mu
}

func (m *memory) open(ctx context.Context, host component.Host, owner component.ID, book *alert.Book) error {
	extension, ok := host.GetExtensions()[m.id].(storage.Extension)
	if !ok {
		return fmt.Errorf("`sending_queue::storage` is %q: no storage extension of that name is running; list it under `service::extensions`", m.id)
	}
	client, err := extension.GetClient(ctx, component.KindExporter, owner, "told")
	if err != nil {
		return fmt.Errorf("`sending_queue::storage` is %q: %w", m.id, err)
	}
	m.client, m.book = client, book
	for i := range buckets {
		if err := m.restore(ctx, i); err != nil {
			// The worst that comes of it is that something is told twice.
			m.logger.Warn("What was told before the restart cannot be read, something may be told again.", zap.Error(err))
		}
	}
	return nil
}

func (m *memory) restore(ctx context.Context, bucket int) error {
	data, err := m.client.Get(ctx, key(bucket))
	if err != nil || data == nil {
		return err
	}
	var known []alert.Known
	if err := json.Unmarshal(data, &known); err != nil {
		return err
	}
	m.book.Restore(known, time.Now())
	return nil
}

// save writes what is known of the alerts, and of those that share a bucket with one of them. What did not change is not written again.
func (m *memory) save(ctx context.Context, ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var changed [buckets]bool
	for _, id := range ids {
		changed[bucketOf(id)] = true
	}
	var parts [buckets][]alert.Known
	for _, k := range m.book.Known(func(id string) bool { return changed[bucketOf(id)] }) {
		parts[bucketOf(k.ID)] = append(parts[bucketOf(k.ID)], k)
	}
	var operations []*storage.Operation
	var errs []error
	for i, is := range changed {
		if !is {
			continue
		}
		slices.SortFunc(parts[i], func(a, b alert.Known) int { return cmp.Compare(a.ID, b.ID) })
		data, err := json.Marshal(parts[i])
		errs = append(errs, err)
		hash := fnv.New64a()
		_, _ = hash.Write(data)
		if m.written[i] == hash.Sum64() {
			continue
		}
		m.written[i] = hash.Sum64()
		operations = append(operations, storage.SetOperation(key(i), data))
	}
	// What has been told must be noted even if the time for telling is over.
	if len(operations) > 0 {
		errs = append(errs, m.client.Batch(context.WithoutCancel(ctx), operations...))
	}
	if err := errors.Join(errs...); err != nil {
		m.written = [buckets]uint64{}
		m.logger.Warn("What was told cannot be kept, a restart may tell it again.", zap.Error(err))
	}
}

func (m *memory) close(ctx context.Context) error {
	if m.client == nil {
		return nil
	}
	return m.client.Close(ctx)
}

func key(bucket int) string { return strconv.Itoa(bucket) }

func bucketOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % buckets)
}
