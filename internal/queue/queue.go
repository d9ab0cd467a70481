// Package queue runs durable jobs.
package queue
