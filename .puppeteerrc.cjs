// The set-up step finds or installs a browser; installing the package must not download one.
module.exports = { skipDownload: true };
