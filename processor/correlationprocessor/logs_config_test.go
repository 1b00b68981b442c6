package correlationprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/xconfmap"
)

func TestConfigurationOfLogsAndExpressions(t *testing.T) {
	all := load(t, "correlation/logs")
	require.NoError(t, xconfmap.Validate(all))
	require.Equal(t, LogsConfig{
		IDPatterns: []string{`order[ =#](?P<id>\d+)`},
		Patterns: []LogPatternConfig{
			{
				Name: "charging", Event: "started", Message: `^charging (?P<id>\S+)`, Service: []string{"billing", "pay*"},
				Scope: []string{"com.acme.*"},
			},
			{
				Event: "scheduled", Message: "reminder scheduled", MinSeverity: "info",
				Fields: map[string]string{"delay": "delaySeconds", "destination": "queue"}, DelayUnit: time.Second,
			},
		},
	}, all.Logs)
	require.Len(t, all.Expressions.Span, 1)
	require.Len(t, all.Expressions.Log, 1)
	require.Len(t, all.Ignore.Span, 1)
	require.Len(t, all.Ignore.Log, 1)
}

func TestMistakesInPatterns(t *testing.T) {
	err := xconfmap.Validate(load(t, "correlation/badlogs"))
	for _, want := range []string{
		"logs: `id_patterns[0]` is \"order=\\\\d+\": it needs a group",
		"`id_patterns[1]` is \"(\": error parsing regexp",
		"`patterns[0]`: `event` is \"begun\": must be one of dead_lettered, failed",
		"it has a group \"order\"; groups can be named id, message_id",
		"`patterns[1]`: `message` and `min_severity` are both empty",
		"`patterns[2]`: `min_severity` is \"bad\": must be one of trace, debug",
		"`fields::nothing`: no such field; there are message_id, destination",
		"`fields::delay` is empty",
		"`delay_unit` is -1s",
		"`message` is \"[\": error parsing regexp",
		"`patterns[3]`: `event` is \"scheduled\", but neither",
	} {
		require.ErrorContains(t, err, want)
	}
	many := createDefaultConfig().(*Config)
	many.Logs.IDPatterns = make([]string, 17)
	many.Logs.Patterns = make([]LogPatternConfig, 65)
	require.ErrorContains(t, xconfmap.Validate(many), "`id_patterns` has 17 entries: at most 16")
	require.ErrorContains(t, xconfmap.Validate(many), "`patterns` has 65 entries: at most 64")
}

func TestMistakesInExpressions(t *testing.T) {
	err := xconfmap.Validate(load(t, "correlation/badexpressions"))
	for _, want := range []string{
		"`expressions::span[0]::id` is \"attributes[\"", "`expressions::span[1]::id` is empty", "`expressions::span[2]::when` is \"name ==\"",
		"`expressions::log[0]::id` is \"span.name\"", "`ignore::span[0]` is \"NoSuch()\"", "`ignore::log[0]` is \"body == \"",
	} {
		require.ErrorContains(t, err, want)
	}
	many := createDefaultConfig().(*Config)
	many.Ignore.Log = make([]string, maxExpressions+1)
	require.ErrorContains(t, xconfmap.Validate(many), "`ignore::log` has 33 entries: at most 32")
}
