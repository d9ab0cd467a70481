package sms

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// readLoop takes in what the SMSC sends until the session is lost.
func (s *session) readLoop() {
	r := bufio.NewReaderSize(s.conn, 16<<10)
	for {
		b, err := readFrame(r)
		if err != nil {
			s.lose(fmt.Errorf("read: %w", err))
			return
		}
		s.heard.Store(true)
		p, err := decodePDU(b)
		if err != nil {
			s.cfg.log.Warn("SMPP PDU not understood", slog.String("error", err.Error()))
			s.rejectPDU(p, err)
			continue
		}
		s.handle(p)
	}
}

// readFrame reads the octets of one PDU.
func readFrame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	n, err := pduLength(head)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// rejectPDU answers a PDU that could not be decoded. A deliver_sm with a broken
// body is refused for good: delivered again it would be as broken.
func (s *session) rejectPDU(p pdu, err error) {
	id := p.body.command()
	switch {
	case id.isResponse():
		s.answered(p) // accepted, though its id cannot be read
	case errors.Is(err, errUnknownCommand):
		s.reply(pdu{status: statusInvCmdID, sequence: p.sequence, body: &bareBody{id: genericNack}})
	case id == deliverSM || id == dataSM:
		s.reply(pdu{status: statusPermAppErr, sequence: p.sequence, body: &messageIDBody{id: id.response()}})
	default:
		s.reply(pdu{status: statusInvMsgLen, sequence: p.sequence, body: &bareBody{id: genericNack}})
	}
}

func (s *session) handle(p pdu) {
	id := p.body.command()
	if id.isResponse() {
		s.answered(p)
		return
	}
	switch b := p.body.(type) {
	case *messageBody:
		if id == deliverSM {
			s.cfg.deliver(b, s.answerTo(p))
			return
		}
	case *dataBody:
		s.cfg.deliver(b.message(), s.answerTo(p))
		return
	case *alertBody, *outbindBody: // these have no answer
		return
	}
	switch id { //nolint:exhaustive // requests only an SMSC serves fall to the end
	case enquireLink:
		s.reply(pdu{sequence: p.sequence, body: &bareBody{id: enquireLink.response()}})
	case unbind:
		if err := s.write(pdu{sequence: p.sequence, body: &bareBody{id: unbind.response()}}); err == nil {
			s.lose(errUnbound)
		}
	default:
		s.reply(pdu{status: statusInvCmdID, sequence: p.sequence, body: &bareBody{id: genericNack}})
	}
}

// answered passes p to the request that waits for it. Answers that come too
// late have nobody.
func (s *session) answered(p pdu) {
	s.mu.Lock()
	answer, ok := s.pending[p.sequence]
	s.mu.Unlock()
	if !ok {
		return
	}
	select {
	case answer <- p:
	default: // answered twice
	}
}

func (s *session) answerTo(request pdu) answerFunc {
	return func(err error) error {
		status := statusOK
		if err != nil {
			status = statusTempAppErr
		}
		return s.write(pdu{
			status: status, sequence: request.sequence,
			body: &messageIDBody{id: request.body.command().response()},
		})
	}
}

// reply queues p, so that the reader is never held up by a peer that does not
// read. One that leaves this many answers unread is gone.
func (s *session) reply(p pdu) {
	select {
	case s.replies <- p:
	default:
		s.lose(errStalled)
	}
}

func (s *session) replyLoop() {
	for {
		select {
		case p := <-s.replies:
			if err := s.write(p); err != nil {
				return // which ended the session
			}
		case <-s.lost:
			return
		}
	}
}
