# The operator and the agent in one image: `docker build --tag tako .` needs nothing but this directory.
ARG BASE=docker.io/library/node:26-bookworm-slim

FROM $BASE AS build
WORKDIR /src
# What the lock file names changes rarely: a layer of its own. No install scripts: they fetch a Node.js for development,
# which this image has already.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY build.mjs ./
COPY src ./src
RUN node build.mjs

FROM $BASE
# ssh refuses to run for a user that has no name.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates curl git openssh-client tini \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
  && groupadd --gid 65532 tako \
  && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tako
COPY --from=build /src/dist /app
# The agent's compiled code: starting it is a good part of a short run.
RUN node /app/agent-train.mjs
# By number, so that `runAsNonRoot` can be checked without looking into the image.
USER 65532:65532
# Git leaves processes behind when a server makes it give up; process 1 has to collect them, and Node.js does not.
ENTRYPOINT ["tini", "--", "node"]
CMD ["/app/operator.mjs"]
