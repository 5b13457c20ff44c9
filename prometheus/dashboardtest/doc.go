// Package dashboardtest has the test of the dashboard for Grafana.
package dashboardtest
