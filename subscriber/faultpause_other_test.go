//go:build !unix

package subscriber_test

import "errors"

func (c *child) pause() error  { return errors.ErrUnsupported }
func (c *child) resume() error { return errors.ErrUnsupported }
