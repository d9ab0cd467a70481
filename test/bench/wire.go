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

// The load and the places beside the server (provider, webhook) share the
// machine with it. They speak just enough HTTP/1.1 over keep-alive connections
// to cost little, so that what is measured is the server. The baseline is
// loaded by the same code.

// A peer is one end of a connection.
type peer struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	body []byte
}

func newPeer(c net.Conn) *peer {
	return &peer{conn: c, r: bufio.NewReaderSize(c, 8<<10), w: bufio.NewWriterSize(c, 8<<10)}
}

// read reads one message and returns its first line and body, which are good
// until the next read.
func (p *peer) read() (first string, body []byte, err error) {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return "", nil, err
	}
	first = string(bytes.TrimRight(line, "\r\n"))
	length := 0
	for {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return "", nil, err
			}
		}
		if bytes.EqualFold(line, []byte("transfer-encoding: chunked")) {
			return "", nil, errors.New("a chunked body")
		}
	}
	if cap(p.body) < length {
		p.body = make([]byte, 2*length)
	}
	p.body = p.body[:length]
	_, err = io.ReadFull(p.r, p.body)
	return first, p.body, err
}

// write writes one message: a first line, header lines and a body.
func (p *peer) write(first, header string, body []byte) error {
	_, err := fmt.Fprintf(p.w, "%s\r\n%sContent-Length: %d\r\n\r\n", first, header, len(body))
	if err != nil {
		return err
	}
	if _, err := p.w.Write(body); err != nil {
		return err
	}
	return p.w.Flush()
}

// serve answers requests on a listener until it is closed.
func serve(l net.Listener, answer func(first string, body []byte) (status string, out []byte)) {
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
				if p.write("HTTP/1.1 "+status, "Content-Type: application/json\r\n", out) != nil {
					return
				}
			}
		}()
	}
}

// post posts one request and reads its answer.
func (p *peer) post(host, path, header string, body []byte) (status string, answer []byte, err error) {
	if err := p.write("POST "+path+" HTTP/1.1", "Host: "+host+"\r\n"+header, body); err != nil {
		return "", nil, err
	}
	first, answer, err := p.read()
	if len(first) < 12 {
		return "", nil, errors.Join(err, fmt.Errorf("an answer that begins with %q", first))
	}
	return first[9:12], answer, err
}
