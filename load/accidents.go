package main

// What happens to requests on bad networks.

import (
	"context"
	"errors"
	"math/rand"
	"net/http/httptrace"
	"net/url"
)

// loseAnswer sends a form and closes the connection: as soon as all is sent, or when the answer
// begins to come. Half of them each: the server may be before, in, or after its work.
func (w *worker) loseAnswer(fields url.Values) error {
	request, err := w.request("POST", formType, fields.Encode())
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	trace := &httptrace.ClientTrace{GotFirstResponseByte: leave}
	if rand.Intn(2) == 0 {
		trace = &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { leave() }}
	}
	response, err := w.client.Do(request.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err == nil {
		return response.Body.Close() // unread, so that its connection ends with it
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
