package correlationprocessor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/evidence"
)

// program is the expressions of one signal, compiled. K is the context in which OTTL evaluates them.
type program[K any] struct {
	ids    []idExpression[K]
	ignore []*ottl.Condition[K]
}

type idExpression[K any] struct {
	id *ottl.ValueExpression[K]
	// when is nil where there is no condition.
	when *ottl.Condition[K]
}

// quiet are settings for compiling where nothing is to be told.
func quiet() component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger: zap.NewNop(), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
		Resource: pcommon.NewResource(),
	}
}

// expressions compiles what is configured. Without anything, its functions are nil.
func (c *Config) expressions(set component.TelemetrySettings) (evidence.Expressions, error) {
	e := evidence.Expressions{SpanIDs: len(c.Expressions.Span), LogIDs: len(c.Expressions.Log)}
	spans, err := compileSpans(c, set)
	logs, errLogs := compileLogs(c, set)
	if err := errors.Join(err, errLogs); err != nil {
		return evidence.Expressions{}, err
	}
	if spans != nil {
		e.Span = func(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span, found *evidence.Found) {
			in := ottlspan.NewTransformContextPtr(rs, ss, span)
			defer in.Close()
			spans.run(in, found)
		}
	}
	if logs != nil {
		e.Log = func(rl plog.ResourceLogs, sl plog.ScopeLogs, record plog.LogRecord, found *evidence.Found) {
			in := ottllog.NewTransformContextPtr(rl, sl, record)
			defer in.Close()
			logs.run(in, found)
		}
	}
	return e, nil
}

func compileSpans(c *Config, set component.TelemetrySettings) (*program[*ottlspan.TransformContext], error) {
	functions := maps.Clone(ottlfuncs.StandardConverters[*ottlspan.TransformContext]())
	isRoot := ottlfuncs.NewIsRootSpanFactoryNew()
	functions[isRoot.Name()] = isRoot
	parser, err := ottlspan.NewParser(functions, set, ottlspan.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	return compile(ottlspan.ContextName, &parser, set, c.Expressions.Span, c.Ignore.Span)
}

func compileLogs(c *Config, set component.TelemetrySettings) (*program[*ottllog.TransformContext], error) {
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set, ottllog.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	return compile(ottllog.ContextName, &parser, set, c.Expressions.Log, c.Ignore.Log)
}

// compiler parses expressions in which paths may be written with their context (span.attributes) or without (attributes).
type compiler[K any] struct {
	context    string
	collection *ottl.ParserCollection[any]
}

func newCompiler[K any](name string, parser *ottl.Parser[K], set component.TelemetrySettings) (*compiler[K], error) {
	collection, err := ottl.NewParserCollection(set, ottl.WithParserCollectionContext(name, parser,
		ottl.WithConditionConverter(func(_ *ottl.ParserCollection[any], _ ottl.ConditionsGetter, parsed []*ottl.Condition[K]) (any, error) {
			return parsed[0], nil
		}),
		ottl.WithValueExpressionConverter(func(_ *ottl.ParserCollection[any], _ ottl.ValueExpressionsGetter, parsed []*ottl.ValueExpression[K]) (any, error) {
			return parsed[0], nil
		}),
	))
	return &compiler[K]{name, collection}, err
}

func (c *compiler[K]) condition(key, text string) (*ottl.Condition[K], error) {
	parsed, err := c.collection.ParseConditionsWithContext(c.context, ottl.NewConditionsGetter([]string{text}), true)
	if err != nil {
		return nil, fmt.Errorf("`%s` is %q: %w", key, text, err)
	}
	return parsed.(*ottl.Condition[K]), nil
}

func (c *compiler[K]) value(key, text string) (*ottl.ValueExpression[K], error) {
	if text == "" {
		return nil, fmt.Errorf("`%s` is empty: write an OTTL expression whose result is the ID", key)
	}
	parsed, err := c.collection.ParseValueExpressionsWithContext(c.context, ottl.NewValueExpressionsGetter([]string{text}), true)
	if err != nil {
		return nil, fmt.Errorf("`%s` is %q: %w", key, text, err)
	}
	return parsed.(*ottl.ValueExpression[K]), nil
}

// compile returns the program of one signal, nil if nothing is configured.
func compile[K any](
	signal string, parser *ottl.Parser[K], set component.TelemetrySettings, expressions []ExpressionConfig, ignore []string,
) (*program[K], error) {
	if len(expressions) == 0 && len(ignore) == 0 {
		return nil, nil
	}
	c, err := newCompiler(signal, parser, set)
	if err != nil {
		return nil, err
	}
	p := &program[K]{}
	var errs []error
	for i, e := range expressions {
		key := fmt.Sprintf("expressions::%s[%d]", signal, i)
		var one idExpression[K]
		one.id, err = c.value(key+"::id", e.ID)
		errs = append(errs, err)
		if e.When != "" {
			one.when, err = c.condition(key+"::when", e.When)
			errs = append(errs, err)
		}
		p.ids = append(p.ids, one)
	}
	for i, text := range ignore {
		condition, err := c.condition(fmt.Sprintf("ignore::%s[%d]", signal, i), text)
		errs = append(errs, err)
		p.ignore = append(p.ignore, condition)
	}
	return p, errors.Join(errs...)
}

// run evaluates the expressions for one record. What fails is counted and says nothing.
func (p *program[K]) run(in K, found *evidence.Found) {
	// Nothing in an expression waits for anything.
	ctx := context.Background()
	for _, condition := range p.ignore {
		ignored, err := condition.Eval(ctx, in)
		if err != nil {
			found.Failed++
		} else if ignored {
			found.Ignored = true
			return
		}
	}
	for i := range p.ids {
		text, err := p.ids[i].eval(ctx, in)
		if err != nil {
			found.Failed++
		} else if text != "" {
			found.ID(i, text)
		}
	}
}

// eval returns the ID that the expression finds, "" for none.
func (e *idExpression[K]) eval(ctx context.Context, in K) (string, error) {
	if e.when != nil {
		if holds, err := e.when.Eval(ctx, in); err != nil || !holds {
			return "", err
		}
	}
	value, err := e.id.Eval(ctx, in)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case pcommon.Value:
		if v.Type() == pcommon.ValueTypeStr || v.Type() == pcommon.ValueTypeInt {
			return v.AsString(), nil
		}
		if v.Type() == pcommon.ValueTypeEmpty {
			return "", nil
		}
	}
	return "", errNoID
}

// errNoID: the result of an expression is of a type that no ID has.
var errNoID = errors.New("the result is neither a string nor an integer")
