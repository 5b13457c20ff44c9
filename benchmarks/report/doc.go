// Package report writes what a comparison found as a page with tables and charts.
package report
