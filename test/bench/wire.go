package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// The places beside the server (provider, webhook) share the machine with it.
// They speak just enough HTTP/1.1 over keep-alive connections to cost little,
// so that what is measured is the server.

// A peer is one end of a connection.
type peer struct {
	conn net.Conn
	r    *bufio.Reader

	first, body, out []byte // reused
}

func newPeer(c net.Conn) *peer {
	return &peer{conn: c, r: bufio.NewReaderSize(c, 8<<10)}
}

// read reads one message and returns its first line and body, which are good
// until the next read.
func (p *peer) read() (first, body []byte, err error) {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return nil, nil, err
	}
	p.first = append(p.first[:0], bytes.TrimRight(line, "\r\n")...)
	length := 0
	for {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return nil, nil, err
		}
		const name = "content-length:"
		switch {
		case len(line) <= 2:
			if cap(p.body) < length {
				p.body = make([]byte, 2*length)
			}
			p.body = p.body[:length]
			_, err = io.ReadFull(p.r, p.body)
			return p.first, p.body, err
		case line[0]|0x20 == 'c' && len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return nil, nil, err
			}
		case line[0]|0x20 == 't' && bytes.HasPrefix(bytes.ToLower(line), []byte("transfer-encoding: chunked")):
			return nil, nil, errors.New("a chunked body")
		}
	}
}

// write writes one message: its head up to the length, and a body.
func (p *peer) write(head string, body []byte) error {
	p.out = append(p.out[:0], head...)
	p.out = append(p.out, "Content-Length: "...)
	p.out = strconv.AppendInt(p.out, int64(len(body)), 10)
	p.out = append(p.out, "\r\n\r\n"...)
	p.out = append(p.out, body...)
	_, err := p.conn.Write(p.out)
	return err
}

// serve answers requests on a listener until it is closed.
func serve(l net.Listener, answer func(first, body []byte) (status string, out []byte)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			p := newPeer(c)
			for {
				first, body, err := p.read()
				if err != nil {
					return
				}
				status, out := answer(first, body)
				if p.write("HTTP/1.1 "+status+"\r\nContent-Type: application/json\r\n", out) != nil {
					return
				}
			}
		}()
	}
}

// post posts one request, whose head ends before the length, and reads its
// answer.
func (p *peer) post(head string, body []byte) (status string, answer []byte, err error) {
	if err := p.write(head, body); err != nil {
		return "", nil, err
	}
	first, answer, err := p.read()
	if len(first) < 12 {
		return "", nil, errors.Join(err, fmt.Errorf("an answer that begins with %q", first))
	}
	return string(first[9:12]), answer, err
}

// postHead is the head of a request up to its length.
func postHead(host, path string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\n"
}
