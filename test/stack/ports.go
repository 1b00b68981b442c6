package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range operating systems use for outgoing connections, so that none of those takes a
// port between the moment it was found free and the moment a server listens on it.
const (
	firstPort    = 20000
	portCount    = 12000
	portAttempts = 1000
)

var handedOut struct {
	sync.Mutex
	ports map[int]bool
}

// FreePort returns a port that nothing listens on and that it never returned before in this process.
func FreePort() (int, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	if handedOut.ports == nil {
		handedOut.ports = map[int]bool{}
	}
	for range portAttempts {
		port := firstPort + rand.IntN(portCount)
		if handedOut.ports[port] || !portIsFree(port) {
			continue
		}
		handedOut.ports[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d after %d attempts", firstPort, firstPort+portCount-1, portAttempts)
}

// portIsFree asks for the wildcard address too: a server may listen on it rather than on the loopback interface.
func portIsFree(port int) bool {
	for _, address := range []string{address(port), ":" + strconv.Itoa(port)} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

// fill replaces every zero by a free port and refuses a port that was asked for but is taken.
func fill(ports ...*int) error {
	for _, port := range ports {
		if *port == 0 {
			free, err := FreePort()
			if err != nil {
				return err
			}
			*port = free
			continue
		}
		if !portIsFree(*port) {
			return fmt.Errorf("port %d is in use by another program", *port)
		}
	}
	return nil
}

func address(port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}
