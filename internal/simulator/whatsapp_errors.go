package simulator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
)

// graphError is an error as the Graph API words it
// (developers.facebook.com, Cloud API error codes, read 2026-11-22).
type graphError struct {
	status  int
	code    int
	subcode int
	typ     string
	message string
	details string
}

func (e *graphError) Error() string { return e.message }

// waTitles are the names of the codes.
func waTitle(code int) string {
	switch code {
	case 0:
		return "AuthException"
	case 1:
		return "An unknown error occurred"
	case 2:
		return "Service temporarily unavailable"
	case 4:
		return "Application request limit reached"
	case 10:
		return "Permission Denied"
	case 100:
		return "Invalid parameter"
	case 190:
		return "Access token has expired"
	case 368:
		return "Temporarily blocked for policies violations"
	case 80007:
		return "Rate limit issues"
	case 130429:
		return "Rate limit hit"
	case 130472:
		return "User's number is part of an experiment"
	case 131000:
		return "Something went wrong"
	case 131005:
		return "Access denied"
	case 131008:
		return "Required parameter is missing"
	case 131009:
		return "Parameter value is not valid"
	case 131016:
		return "Service unavailable"
	case 131021:
		return "Recipient cannot be sender"
	case 131026:
		return "Message undeliverable"
	case 131030:
		return "Recipient phone number not in allowed list"
	case 131031:
		return "Business Account locked"
	case 131042:
		return "Business eligibility payment issue"
	case 131047:
		return "Re-engagement message"
	case 131048:
		return "Spam Rate limit hit"
	case 131049:
		return "This message was not delivered to maintain healthy ecosystem engagement."
	case 131050:
		return "User has stopped marketing messages"
	case 131051:
		return "Unsupported message type"
	case 131052:
		return "Media download error"
	case 131053:
		return "Media upload error"
	case 131056:
		return "(Business Account, Consumer Account) pair rate limit hit"
	case 132000:
		return "Number of parameters does not match the expected number of params"
	case 132001:
		return "Template name does not exist in the translation"
	case 132012:
		return "Parameter format does not match format in the created template"
	}
	return "Something went wrong"
}

// waStatus is the HTTP status of a code.
func waHTTPStatus(code int) int {
	switch {
	case code == 0 || code == 190:
		return http.StatusUnauthorized
	case code == 3 || code == 10 || code >= 200 && code < 300 || code == 131005 || code == 131031:
		return http.StatusForbidden
	case code == 1 || code == 131000:
		return http.StatusInternalServerError
	case code == 2 || code == 131016 || code == 133004:
		return http.StatusServiceUnavailable
	case code == 132001:
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// waError makes the error of a code.
func waError(code int, details string) *graphError {
	return &graphError{
		status: waHTTPStatus(code), code: code, typ: "OAuthException",
		message: fmt.Sprintf("(#%d) %s", code, waTitle(code)), details: details,
	}
}

// waInvalid is a value out of its limits.
func waInvalid(details string) *graphError { return waError(131009, details) }

// waParam is a parameter of the wrong shape; text is the whole message.
func waParam(text string) *graphError {
	return &graphError{status: http.StatusBadRequest, code: 100, typ: "OAuthException", message: "(#100) " + text, details: text}
}

func waRequired(name string) *graphError {
	return waParam(fmt.Sprintf("The parameter %s is required.", name))
}

func unknownObject(id string) *graphError {
	return &graphError{
		status: http.StatusBadRequest, code: 100, subcode: 33, typ: "GraphMethodException",
		message: fmt.Sprintf("Unsupported request. Object with ID '%s' does not exist, cannot be loaded due to "+
			"missing permissions, or does not support this operation.", id),
	}
}

func badToken(token string) *graphError {
	if token == "" {
		return &graphError{
			status: http.StatusUnauthorized, code: 104, typ: "OAuthException",
			message: "An access token is required to request this resource.",
		}
	}
	return &graphError{
		status: http.StatusUnauthorized, code: 190, typ: "OAuthException",
		message: "Invalid OAuth access token - Cannot parse access token",
	}
}

func writeGraphError(w http.ResponseWriter, err error) {
	var ge *graphError
	if !errors.As(err, &ge) {
		ge = waError(131000, err.Error())
	}
	body := map[string]any{
		"message": ge.message, "type": ge.typ, "code": ge.code, "fbtrace_id": "A" + rand.Text()[:15],
	}
	if ge.subcode != 0 {
		body["error_subcode"] = ge.subcode
	}
	if ge.details != "" {
		body["error_data"] = map[string]string{"messaging_product": "whatsapp", "details": ge.details}
	}
	w.Header().Set("Www-Authenticate", fmt.Sprintf("OAuth %q %q %q", "Facebook Platform", "invalid_request", ge.message))
	writeJSON(w, ge.status, map[string]any{"error": body})
}
