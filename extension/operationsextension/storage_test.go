package operationsextension

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/throughline/throughline/extension/operationsextension/internal/metadatatest"
	"github.com/throughline/throughline/internal/operation"
)

var storageID = component.MustNewID("memory_storage")

// memoryStorage is a storage extension with one client, which fails with err if that is set.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client

	mu     sync.Mutex
	data   map[string][]byte // guarded by mu
	err    error             // guarded by mu
	sets   int               // guarded by mu
	closed bool              // guarded by mu
}

func newMemoryStorage() *memoryStorage { return &memoryStorage{data: map[string][]byte{}} }

func (m *memoryStorage) GetClient(_ context.Context, kind component.Kind, id component.ID, _ string) (storage.Client, error) {
	if kind != component.KindExtension || id.Type() != NewFactory().Type() {
		return nil, errors.New("asked for in another name")
	}
	return m, m.failure()
}

func (m *memoryStorage) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

func (m *memoryStorage) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memoryStorage) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[key], m.err
}

func (m *memoryStorage) Set(ctx context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil || ctx.Err() != nil {
		return errors.Join(m.err, ctx.Err())
	}
	m.data[key] = value
	m.sets++
	return nil
}

func (m *memoryStorage) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *memoryStorage) saved() (map[string][]byte, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.data), m.sets
}

type hostOf map[component.ID]component.Component

func (h hostOf) GetExtensions() map[component.ID]component.Component { return h }

// stored makes an extension that keeps its state in a storage, without starting it.
func stored(t *testing.T, change func(*Config)) (*operations, *componenttest.Telemetry, *observer.ObservedLogs) {
	cfg := createDefaultConfig().(*Config)
	learns(cfg)
	cfg.Storage, cfg.TelemetryGaps.Enabled = &storageID, false
	if change != nil {
		change(cfg)
	}
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.ID, set.TelemetrySettings = DefaultID, telemetry.NewTelemetrySettings()
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	o, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	return o.(*operations), telemetry, logs
}

func TestARestartForgetsNothingOfWhatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryStorage()
		host := hostOf{storageID: m}
		o, _, _ := stored(t, nil)
		require.Equal(t, []component.ID{storageID}, o.Dependencies())
		require.NoError(t, o.Start(t.Context(), host))
		require.NoError(t, o.Ready())
		for n := range byte(20) {
			complete(o, n+1, 20*time.Second, 2*time.Second)
		}
		time.Sleep(time.Second) // synctest: fake time
		data, sets := m.saved()
		require.Contains(t, data, "learned")
		require.Equal(t, 14*len(o.parts()), sets, "once a minute")
		require.NoError(t, o.NotReady())
		require.NoError(t, o.Shutdown(t.Context()))
		_, sets = m.saved()
		require.Equal(t, 15*len(o.parts()), sets)
		require.True(t, m.closed)
		require.NoError(t, o.Shutdown(t.Context()))

		again, _, logs := stored(t, nil)
		require.NoError(t, again.Start(t.Context(), host))
		require.Equal(t, o.learning.book.Report(100), again.learning.book.Report(100))
		require.NotEmpty(t, again.learning.book.Report(100))
		require.Empty(t, logs.All())
		require.NoError(t, again.Shutdown(t.Context()))
	})
}

func TestAStorageInAFile(t *testing.T) {
	directory := t.TempDir()
	run := func(do func(*operations)) {
		f := filestorage.NewFactory()
		cfg := f.CreateDefaultConfig().(*filestorage.Config)
		cfg.Directory = directory
		files, err := f.Create(t.Context(), extensiontest.NewNopSettings(f.Type()), cfg)
		require.NoError(t, err)
		require.NoError(t, files.Start(t.Context(), componenttest.NewNopHost()))
		o, _, _ := stored(t, nil)
		require.NoError(t, o.Start(t.Context(), hostOf{storageID: files}))
		do(o)
		require.NoError(t, o.Shutdown(t.Context()))
		require.NoError(t, files.Shutdown(t.Context()))
	}
	var before, after any
	run(func(o *operations) {
		at := time.Now().Add(-time.Minute)
		for n := range byte(30) {
			facts := []operation.Fact{sent(string([]byte{'o', n}), n+1), processed(n + 1)}
			for i := range facts {
				facts[i].At, facts[i].End = at.UnixNano(), at.UnixNano()
			}
			o.Apply(at, facts, nil)
		}
		o.sweepInParts(t.Context())
		before = o.learning.book.Report(100)
	})
	run(func(o *operations) { after = o.learning.book.Report(100) })
	require.NotEmpty(t, before)
	require.Equal(t, before, after)
}

func TestWhatCannotBeReadIsLostAndTold(t *testing.T) {
	m := newMemoryStorage()
	m.data["learned"] = []byte("something else")
	o, telemetry, logs := stored(t, nil)
	require.NoError(t, o.Start(t.Context(), hostOf{storageID: m}))
	require.Equal(t, 1, logs.FilterMessageSnippet("is lost").Len())
	metadatatest.AssertEqualOperationsStorageFailures(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("part", "learned"))},
	}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, o.Shutdown(t.Context()))
	data, _ := m.saved()
	require.NotEqual(t, "something else", string(data["learned"]))
}

func TestAStorageThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryStorage()
		o, _, logs := stored(t, nil)
		require.NoError(t, o.Start(t.Context(), hostOf{storageID: m}))
		require.NoError(t, o.Ready())
		m.fail(storage.ErrStorageFull)
		time.Sleep(2*time.Minute + time.Second) // synctest: fake time
		require.Equal(t, 2*len(o.parts()), logs.FilterMessageSnippet("cannot be saved").Len())
		m.fail(nil)
		time.Sleep(time.Minute) // synctest: fake time
		_, sets := m.saved()
		require.Equal(t, len(o.parts()), sets)
		require.NoError(t, o.Shutdown(t.Context()))
	})
}

func TestAStorageThatIsNoneIsRefused(t *testing.T) {
	refused := newMemoryStorage()
	refused.err = errors.New("the disk is full")
	for want, host := range map[string]hostOf{
		"`storage` is \"memory_storage\": no such extension is running (running: none)": {},
		"`storage` is \"memory_storage\": that is no storage extension":                 {storageID: extension.Extension(nil)},
		"`storage` is \"memory_storage\": the disk is full":                             {storageID: refused},
	} {
		o, _, _ := stored(t, nil)
		require.ErrorContains(t, o.Start(t.Context(), host), want)
	}
}

func TestWithoutAStorageItIsToldOnce(t *testing.T) {
	o, _, logs := stored(t, func(cfg *Config) { cfg.Storage = nil })
	require.Empty(t, o.Dependencies())
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, o.Ready())
	require.NoError(t, o.NotReady())
	require.NoError(t, o.Shutdown(t.Context()))
	require.Equal(t, 1, logs.FilterMessageSnippet("A restart forgets what was learned").Len())
}

func TestARestartForgetsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := hostOf{storageID: newMemoryStorage()}
		o, _, _ := stored(t, nil)
		require.NoError(t, o.Start(t.Context(), host))
		require.NoError(t, o.Ready())
		complete(o, 1, 20*time.Second, 2*time.Second)
		for n := range 20 {
			at := time.Now().UnixNano() + int64(n)*int64(time.Minute)
			o.clocks.estimator.Observe("shop", "worker", int64(-time.Second), at)
		}
		attributes := pcommon.NewMap()
		attributes.PutStr("service.version", "1.4.2")
		o.Originals().Saw("worker", "worker-1", attributes, time.Now().UnixNano())
		time.Sleep(time.Minute) // synctest: fake time
		last := o.seen.Last("orders", "")
		require.NotZero(t, last)
		require.NoError(t, o.NotReady())
		require.NoError(t, o.Shutdown(t.Context()))

		again, _, logs := stored(t, nil)
		require.NoError(t, again.Start(t.Context(), host))
		require.Empty(t, logs.All())
		require.Equal(t, last, again.seen.Last("orders", ""), "who consumed last")
		offset, proven := again.clocks.estimator.Offset("shop", "worker")
		require.True(t, proven)
		require.Equal(t, int64(time.Second), offset)
		require.Equal(t, o.Originals().ResourceOf("worker", "worker-1"), again.Originals().ResourceOf("worker", "worker-1"))
		require.NoError(t, again.Shutdown(t.Context()))
	})
}
