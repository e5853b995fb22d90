# docker build -t auth0-operator:0.1.0 .
# docker build -t auth0-emulator:0.1.0 --target emulator .

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay on the building machine, so a change compiles only what it touches.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin auth0-operator \
    && cp target/release/auth0-operator /auth0-operator

FROM rust:1.95.0-bookworm AS build-emulator
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p auth0-emulator --bin auth0-emulator \
    && cp target/release/auth0-emulator /auth0-emulator

FROM gcr.io/distroless/cc-debian12:nonroot AS emulator
COPY --from=build-emulator /auth0-emulator /usr/local/bin/auth0-emulator
USER 65532:65532
# In a container, the loopback interface is nobody else's.
ENV AUTH0_EMULATOR_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/auth0-emulator"]

# The last stage is what is built without a target.
# glibc, certificates and no shell. The operator writes no files: its root file system can be read-only.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /auth0-operator /usr/local/bin/auth0-operator
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/auth0-operator"]
CMD ["run"]
