// Package folder is what a broker's store folder has beside its messages: the lock that
// keeps a second broker out, the mark of a broker that runs or has crashed, and the settings
// as JSON (DefaultMessageStore, ConfigManager of 4.9.7 and 5.5.0).
package folder
