package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

// ScopeName is the instrumentation scope of everything asyncgen emits.
const ScopeName = "asyncgen"

// ServiceVersion is the service.version of every simulated service unless it has another one.
const ServiceVersion = "1.4.2"

const (
	spanQueue = 8192
	spanBatch = 512
	spanDelay = 500 * time.Millisecond
	// giveUp is how long a batch is tried again while the collector is away.
	giveUp = time.Minute
)

// Providers holds the tracer and logger providers of all services. It is safe for concurrent use.
type Providers struct {
	tally    tally
	services map[string]*service
}

type service struct {
	tracers *sdktrace.TracerProvider
	loggers *sdklog.LoggerProvider
	tracer  trace.Tracer
	logger  log.Logger
}

// Service identifies one simulated process.
type Service struct {
	// Name is service.name, Instance service.instance.id, Version service.version; empty: [ServiceVersion].
	Name, Instance, Version string
	// Voice is the name by which its tracer and logger are asked for; empty: Name.
	Voice string
	// Delay returns for how long an export request is to be held back; nil: it is not. Requests overtake each other.
	Delay func() time.Duration
	// Mute says that nothing of it gets through.
	Mute bool
}

// New sets up the providers of the services on a connection that stays the caller's.
func New(ctx context.Context, conn *grpc.ClientConn, services []Service) (*Providers, error) {
	p := &Providers{services: make(map[string]*service, len(services))}
	for _, identity := range services {
		spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(conn), otlptracegrpc.WithTimeout(giveUp),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(retries)))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("trace exporter: %w", err), p.Shutdown(ctx))
		}
		logs, err := otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(conn), otlploggrpc.WithTimeout(giveUp),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig(retries)))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("log exporter: %w", err), spans.Shutdown(ctx), p.Shutdown(ctx))
		}
		p.add(ctx, identity, identity.way(countingSpans{spans, &p.tally}), identity.wayOfLogs(countingLogs{logs, &p.tally}))
	}
	return p, nil
}

var retries = struct {
	Enabled                                      bool
	InitialInterval, MaxInterval, MaxElapsedTime time.Duration
}{true, 200 * time.Millisecond, 3 * time.Second, giveUp}

func (p *Providers) add(ctx context.Context, identity Service, spans sdktrace.SpanExporter, logs sdklog.Exporter) {
	res := resource.NewSchemaless(
		attribute.String("service.name", identity.Name),
		attribute.String("service.instance.id", identity.Instance),
		attribute.String("service.version", cmp.Or(identity.Version, ServiceVersion)),
		attribute.String("telemetry.sdk.name", "opentelemetry"),
		attribute.String("telemetry.sdk.language", "go"),
	)
	s := &service{
		tracers: sdktrace.NewTracerProvider(
			sdktrace.WithResource(res),
			// A sampled-out span would be missing from operations of which the truth says that they are whole.
			sdktrace.WithSampler(sdktrace.AlwaysSample()),
			sdktrace.WithBatcher(spans, sdktrace.WithBlocking(), sdktrace.WithMaxQueueSize(spanQueue),
				sdktrace.WithMaxExportBatchSize(spanBatch), sdktrace.WithBatchTimeout(spanDelay), sdktrace.WithExportTimeout(giveUp)),
		),
		loggers: sdklog.NewLoggerProvider(
			sdklog.WithResource(res),
			sdklog.WithProcessor(NewBatcher(ctx, logs)),
		),
	}
	s.tracer, s.logger = s.tracers.Tracer(ScopeName), s.loggers.Logger(ScopeName)
	p.services[cmp.Or(identity.Voice, identity.Name)] = s
}

// Tracer returns the tracer of one of the services given to New, by its voice.
func (p *Providers) Tracer(service string) trace.Tracer { return p.services[service].tracer }

// Logger returns the logger of one of the services given to New, by its voice.
func (p *Providers) Logger(service string) log.Logger { return p.services[service].logger }

// Delivery returns what has been sent and lost so far.
func (p *Providers) Delivery() Delivery { return p.tally.delivery() }

// Shutdown exports what is still queued and stops all providers. It waits for them until ctx ends; what has not been sent
// by then is neither counted as sent nor as lost, and the error says so.
func (p *Providers) Shutdown(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make(chan error, 2*len(p.services))
	for _, s := range p.services {
		wg.Go(func() { errs <- s.tracers.Shutdown(ctx) })
		wg.Go(func() { errs <- s.loggers.Shutdown(ctx) })
	}
	wg.Wait()
	close(errs)
	var joined error
	for err := range errs {
		joined = errors.Join(joined, err)
	}
	return joined
}
