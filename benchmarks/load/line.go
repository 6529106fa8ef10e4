package main

// A connection that is kept, without the two goroutines that net/http's own client has for each:
// what the generator does costs the server beside it as little as can be.

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

const patience = 60 * time.Second

// line is one connection to a server; it is made when it is needed.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

// exchange sends a request and reads the whole answer.
func (l *line) exchange(request *http.Request) (*http.Response, []byte, error) {
	if err := l.send(request); err != nil {
		return nil, nil, err
	}
	response, err := http.ReadResponse(l.in, request)
	if err != nil {
		l.close()
		return nil, nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err != nil || response.Close {
		l.close()
	}
	return response, text, err
}

// send writes a request to the connection.
func (l *line) send(request *http.Request) error {
	if err := l.open(request.URL.Host); err != nil {
		return err
	}
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := request.Write(l.out); err != nil {
		l.close()
		return err
	}
	if err := l.out.Flush(); err != nil {
		l.close()
		return err
	}
	return nil
}

func (l *line) open(address string) error {
	if l.conn != nil {
		return nil
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	l.conn, l.in, l.out = conn, bufio.NewReader(conn), bufio.NewWriter(conn)
	return nil
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.conn = nil
}
