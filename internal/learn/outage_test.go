package learn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// life is a service whose messages wait around a second, seldom up to ten times that.
type life struct {
	*Book
	now    int64
	random *rand.Rand
}

func newLife(tb testing.TB, change ...func(*Settings)) *life {
	return &life{newBook(tb, change...), epoch, rand.New(rand.NewPCG(1, 2))}
}

// run lets messages come at a pace for a time, each of which waits for so long, more or less.
func (l *life) run(length, every, wait int64) {
	for until := l.now + length; l.now < until; l.now += every {
		l.Learn(hop(l.now, l.around(wait), 0), l.now)
	}
}

func (l *life) around(wait int64) int64 {
	return wait/2 + int64(float64(wait)*min(l.random.ExpFloat64(), 10))
}

func TestAnOutageTeachesNothing(t *testing.T) {
	for _, every := range []int64{5 * second, minute, 5 * minute} {
		for _, wait := range []int64{second, 30 * second} {
			l := newLife(t)
			l.run(2*day, every, wait)
			before := threshold(l.Book, waiting)
			for n := range int64(2000) {
				// The consumer is back and takes what has been waiting.
				l.Learn(hop(l.now-30*minute, 30*minute+n*second/100, 0), l.now+n*second/50)
			}
			l.run(minute, second, wait)
			require.LessOrEqual(t, threshold(l.Book, waiting), before*6/5, "every %d, %d", every, wait)
			l.run(2*day, every, wait)
			require.LessOrEqual(t, threshold(l.Book, waiting), before*6/5)
		}
	}
}

func TestAnOutageThatLastsTeachesNothing(t *testing.T) {
	l := newLife(t)
	l.run(day, minute, second)
	l.run(16*hour, minute, hour)
	require.Equal(t, 30*time.Second, threshold(l.Book, waiting))
}

// TestALastingChangeIsLearned within a half-life, at whatever pace.
func TestALastingChangeIsLearned(t *testing.T) {
	for _, every := range []int64{second * 10, minute, 10 * minute, 2 * hour} {
		t.Run(fmt.Sprint(time.Duration(every)), func(t *testing.T) {
			l := newLife(t, few)
			l.run(max(3*day, 25*every), every, second)
			require.Equal(t, 30*time.Second, threshold(l.Book, waiting))
			began := l.now
			for threshold(l.Book, waiting) < 10*time.Minute {
				l.run(every, every, 10*minute)
				require.Less(t, l.now-began, day+every)
			}
			require.GreaterOrEqual(t, l.now-began, 16*hour)
			l.run(day, every, 10*minute)
			usual, _ := l.Usual(waiting)
			require.Greater(t, usual.Value, 10*minute, "from then on it is what everything else is")
		})
	}
}

// TestALastingChangeForTheBetterIsLearned within two half-lives, by the older generation being forgotten.
func TestALastingChangeForTheBetterIsLearned(t *testing.T) {
	l := newLife(t)
	l.run(3*day, minute, 10*minute)
	require.Greater(t, threshold(l.Book, waiting), time.Hour)
	l.run(2*day+hour, minute, second)
	require.Equal(t, 30*time.Second, threshold(l.Book, waiting))
}

func TestWhatIsSeldomSeenIsRememberedForLonger(t *testing.T) {
	l := newLife(t)
	l.run(200*day, day/3, 10*minute)
	usual, ok := l.Usual(waiting)
	require.True(t, ok)
	require.GreaterOrEqual(t, usual.Samples, 200)
	l.run(100*day, day/3, 10*minute)
	usual, ok = l.Usual(waiting)
	require.True(t, ok)
	require.GreaterOrEqual(t, usual.Samples, 200)
	require.LessOrEqual(t, usual.Samples, 400)
}

// TestForgettingIsMonotone: what was learned long ago weighs less and less as time goes on, never more.
func TestForgettingIsMonotone(t *testing.T) {
	l := newLife(t)
	l.run(day, minute, 10*minute)
	last := threshold(l.Book, waiting)
	for range 60 {
		l.run(hour, minute, second)
		now := threshold(l.Book, waiting)
		require.LessOrEqual(t, now, last)
		last = now
	}
	require.Equal(t, 30*time.Second, last)
}
