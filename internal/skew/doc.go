// Package skew estimates by how much the clocks of two services disagree, from the times that messages seem to have waited
// between them.
//
// A message cannot be received before it was sent, so a negative wait proves that the receiver's clock is behind the
// sender's by at least that much; the least wait in the other direction bounds it from above. [Estimator] keeps the least
// waits of the last few moments for each pair of services, and corrects by no more than several of them prove.
//
// The names may be those of services, or of instances or hosts, where they are known: a clock belongs to a host. If two
// instances of one service have different clocks, waits in both directions contradict each other and nothing is corrected;
// where messages go one way only this cannot be seen, and the correction is that of the instance that is behind most.
package skew
