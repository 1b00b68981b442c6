package cause

import "math"

// fisher returns the logarithm of the probability that at least a of n failing operations have a value by mere chance, when
// b of m healthy ones have it: the upper tail of the hypergeometric distribution (Fisher's exact test, one-sided).
func fisher(a, n, b, m int64) float64 {
	with, all := a+b, n+m
	if a <= 0 || n <= 0 || with <= 0 {
		return 0
	}
	base := choose(all, n)
	first := choose(with, a) + choose(all-with, n-a) - base
	sum, term := 1.0, 1.0
	for k := a; k < min(with, n); k++ {
		// The ratio of the probability of k+1 to that of k.
		term *= float64(with-k) * float64(n-k) / (float64(k+1) * float64(all-with-n+k+1))
		sum += term
		if term < sum*1e-12 {
			break
		}
	}
	return min(0, first+math.Log(sum))
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k int64) float64 {
	return logFactorial(n) - logFactorial(k) - logFactorial(n-k)
}

func logFactorial(n int64) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}
