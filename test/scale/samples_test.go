package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMedianAndRange(t *testing.T) {
	f := figures{}
	f.note("odd", []float64{3, 1, 2})
	f.note("even", []float64{4, 1, 3, 2})
	f.note("none", nil)
	require.Equal(t, figures{"odd": 2, "odd_least": 1, "odd_greatest": 3, "even": 2.5, "even_least": 1, "even_greatest": 4}, f)
	require.Equal(t, bar{value: 20, least: 10, greatest: 30}, f.bar("odd", 10))
	require.Equal(t, bar{}, f.bar("none", 1))
	require.Equal(t, "10 .. 30", f.spread("%.0f", "odd", 10))
	require.Equal(t, []float64{2, 0.5}, ratios([]float64{4, 2, 7}, []float64{2, 4}))
}

func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, percent := rapid.IntRange(1, 500).Draw(t, "samples"), rapid.IntRange(0, 100).Draw(t, "percent")
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		q := int(quantile(sorted, percent))
		require.GreaterOrEqual(t, 100*q, percent*n, "that share is not greater")
		require.True(t, q == 1 || 100*(q-1) < percent*n, "and it is the smallest of which that is true")
	})
	require.Zero(t, quantile(nil, 50))
}
