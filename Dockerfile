# One image for the command, every service and the worker. Built from the source; runs as whatever user is asked for.
FROM node:24-slim AS build
WORKDIR /src
COPY . .
RUN npm install --no-save --ignore-scripts --no-audit --no-fund && npm run build -w packages/cli --ignore-scripts=false
RUN mkdir /app && cp -r packages/cli/bin packages/cli/dist packages/cli/package.json /app/ \
  && mkdir /app/node_modules && cp -r node_modules/esbuild node_modules/@esbuild /app/node_modules/

FROM node:24-slim
# bubblewrap: the strongest sandbox for workers, where the kernel lets a container use it.
RUN apt-get update && apt-get install --no-install-recommends -y bubblewrap openssl && rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
RUN ln -s /app/bin/bulkhead.mjs /usr/local/bin/bulkhead
ENV XDG_CACHE_HOME=/tmp/cache NODE_ENV=production
ENTRYPOINT ["bulkhead"]
CMD ["--help"]
