//go:build unix

package queue

import (
	"errors"
	"syscall"
)

// pipe is two descriptors that a child made by exec does not get; reading and writing return at
// once.
type pipe struct{ read, write int }

func newPipe() (pipe, error) {
	var p [2]int
	// Another thread must not start a program between the two calls: it would keep them open.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(p[:]); err != nil {
		return pipe{}, err
	}
	for _, fd := range p {
		syscall.CloseOnExec(fd)
		if err := syscall.SetNonblock(fd, true); err != nil {
			pipe{p[0], p[1]}.close()
			return pipe{}, err
		}
	}
	return pipe{p[0], p[1]}, nil
}

// wake makes the read end readable.
func (p pipe) wake() {
	retry(func(b []byte) (int, error) { return syscall.Write(p.write, b) })
}

// calm takes what wake wrote.
func (p pipe) calm() {
	retry(func(b []byte) (int, error) { return syscall.Read(p.read, b) })
}

// retry moves one byte, signals or not. A descriptor that somebody else closed is not ours to mend.
func retry(move func([]byte) (int, error)) {
	var b [1]byte
	for {
		if _, err := move(b[:]); !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

func (p pipe) close() {
	_ = syscall.Close(p.read)
	_ = syscall.Close(p.write)
}
