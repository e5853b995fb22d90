# docker build -t auth0-operator:0.1.0 .

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay on the building machine, so a change compiles only what it touches.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin auth0-operator \
    && cp target/release/auth0-operator /auth0-operator

# glibc, certificates and no shell. The operator writes no files: its root file system can be read-only.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /auth0-operator /usr/local/bin/auth0-operator
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/auth0-operator"]
CMD ["run"]
