package main

// What happens to requests on bad networks.

import (
	"math/rand"
	"net/url"
)

// loseAnswer sends a form and closes the connection: as soon as all is sent, or when the answer
// begins to come. Half of them each: the server may be before, in, or after its work.
func (w *worker) loseAnswer(fields url.Values) error {
	request, err := w.request("POST", formType, fields.Encode())
	if err != nil {
		return err
	}
	if err := w.line.send(request); err != nil {
		return err
	}
	if rand.Intn(2) == 0 {
		if _, err := w.line.in.Peek(1); err != nil {
			return err
		}
	}
	w.line.close()
	return nil
}
