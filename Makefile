# What CI runs, for people. `.ci/run` is the whole gate.

.PHONY: test soak check docs bench audit

# Every test: of the library, the commands, the documentation.
test:
	cargo test --locked

# The long versions: kills and random stories ROLLBOOK_SOAK (10) times as long as in a normal run, and other stories;
# and the tests that take minutes.
soak:
	ROLLBOOK_SOAK=$${ROLLBOOK_SOAK:-10} cargo test --locked --test walks --test cli -- --nocapture soak kills
	cargo test --locked --test cli -- --ignored --exact chaos::many_seeds resolution::a_wave_of_five_thousand_leavers_takes_few_requests

# Formatting, lints and documentation, without a warning.
check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Rewrites the reference pages in docs/ from the code.
docs:
	UPDATE_DOCS=1 cargo test --locked --lib reference

bench:
	cargo bench --locked

# Licences, duplicate and banned crates, where crates come from; dependencies that nothing uses.
audit:
	cargo deny --offline check --hide-inclusion-graph licenses bans sources
	cargo machete
