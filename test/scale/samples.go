package main

import "slices"

// figures are what one measurement found, by name.
type figures map[string]float64

// The names of the least and the greatest sample follow that of the median.
const (
	suffixLeast    = "_least"
	suffixGreatest = "_greatest"
)

// note keeps the median of samples under the name, and beside it the least and the greatest.
func (f figures) note(name string, samples []float64) {
	if len(samples) == 0 {
		return
	}
	f[name], f[name+suffixLeast], f[name+suffixGreatest] = median(samples), slices.Min(samples), slices.Max(samples)
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// quantile is the smallest of the sorted samples that is not exceeded by the given percentage of them.
func quantile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (percent*len(sorted)+99)/100-1)]
}

// ratios compares two series round by round, so that the median leaves out a round that something else disturbed.
func ratios(a, b []float64) []float64 {
	all := make([]float64, min(len(a), len(b)))
	for i := range all {
		all[i] = a[i] / b[i]
	}
	return all
}
