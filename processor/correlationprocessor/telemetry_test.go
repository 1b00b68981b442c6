package correlationprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func attributeKey(key string) attribute.Key { return attribute.Key(key) }

func sumOf(t *testing.T, m metricdata.Metrics) []metricdata.DataPoint[int64] {
	sum, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is no sum", m.Name)
	return sum.DataPoints
}
