# What CI runs, for people. `.ci/run` is the whole gate.

.PHONY: test readers browser pictures soak systemd deb container check docs bench audit

# Every test: of the library, the commands, the documentation.
test: readers browser
	cargo test --locked

# The Python programs that read what Rollbook writes, for tests/readers, in a folder of their own.
readers: target/readers/complete

target/readers/complete: tests/readers/requirements.txt
	python3 -m venv --clear target/readers
	target/readers/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $<
	touch $@

# Chromium, and what drives it, for tests/browser.
browser: target/browser/complete

target/browser/complete: tests/browser/requirements.txt tests/browser/install
	tests/browser/install

# The pictures of the README, made anew. Chromium's next release draws them a little differently: so nothing compares them.
pictures: browser
	UPDATE_PICTURES=1 cargo test --locked --test browser

# The long versions: kills and random stories ROLLBOOK_SOAK (10) times as long as in a normal run, and other stories;
# and the tests that take minutes.
soak: readers
	ROLLBOOK_SOAK=$${ROLLBOOK_SOAK:-10} cargo test --locked --test walks --test cli -- --nocapture soak kills
	ROLLBOOK_SOAK=$${ROLLBOOK_SOAK:-10} cargo test --locked --test readers -- --nocapture any_text
	cargo test --locked --test cli -- --ignored --exact chaos::many_seeds resolution::a_wave_of_five_thousand_leavers_takes_few_requests

# The units in a real systemd, with the program that is built. Needs root.
systemd:
	tests/systemd/run

# The Debian package of the release build, into target/debian. `packaging/deb/check` tries it in a clean root.
deb:
	cargo build --release --locked
	packaging/deb/build

# The container image where an engine runs; elsewhere its file is linted.
container:
	packaging/container

# Formatting, lints and documentation, without a warning.
check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Rewrites the reference pages in docs/, and the man pages and completions in packaging/, from the code.
docs:
	UPDATE_DOCS=1 cargo test --locked --lib reference

bench:
	cargo bench --locked

# Licences, duplicate and banned crates, where crates come from; dependencies that nothing uses.
audit:
	cargo deny --offline check --hide-inclusion-graph licenses bans sources
	cargo machete
