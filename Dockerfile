# One file, one target for each service: `docker build --target trainer .`
ARG NODE_IMAGE=node:24-trixie-slim

# The package manifests alone, so that a change of source does not install everything again.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN mkdir /manifests \
  && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents {} /manifests/ \; \
  && cp package-lock.json .npmrc /manifests/

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY --from=manifests /manifests ./
RUN npm ci --ignore-scripts --loglevel=error
COPY . .
RUN node tools/recipes-index.mjs && node node_modules/typescript7/bin/tsc -b apps/gateway apps/catalog apps/trainer apps/inference apps/compression

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY --from=manifests /manifests ./
# the image brings Node, and the stack its own PostgreSQL: the optional packages that bring both to `npm start` stay out
RUN npm ci --ignore-scripts --omit=optional --omit=dev --loglevel=error

FROM ${NODE_IMAGE} AS app
ENV NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    DATA_DIR=/var/lib/strata \
    ARTIFACTS_DIR=/var/lib/strata-artifacts
WORKDIR /app
RUN mkdir -p /var/lib/strata /var/lib/strata-artifacts && chown node:node /var/lib/strata /var/lib/strata-artifacts
COPY --from=modules /app/node_modules ./node_modules
# the decoder of pictures is an optional package too, for this platform
COPY --from=build /app/node_modules/@img ./node_modules/@img
COPY --from=build /app/proto ./proto
COPY --from=build /app/libs ./libs
COPY --from=build /app/apps ./apps
COPY --from=build /app/package.json ./
USER node

FROM app AS gateway
EXPOSE 4600 4601
CMD ["node", "--enable-source-maps", "apps/gateway/dist/main.js"]

FROM app AS catalog
EXPOSE 4602
# the same flags as in tools/devstack/src/services.mjs
CMD ["node", "--enable-source-maps", "--max-semi-space-size=2", "--no-parallel-scavenge", "--no-allocation-site-pretenuring", "--heap-growing-percent=200", "apps/catalog/dist/main.js"]

FROM app AS trainer
CMD ["node", "--enable-source-maps", "apps/trainer/dist/main.js"]

FROM app AS inference
EXPOSE 4603
CMD ["node", "--enable-source-maps", "apps/inference/dist/main.js"]

FROM app AS compression
CMD ["node", "--enable-source-maps", "apps/compression/dist/main.js"]

# The WebGPU provider reaches the card through Vulkan: its loader, and the libraries that the driver's own part links to.
FROM trainer AS trainer-gpu
USER root
RUN apt-get update -q \
  && apt-get install -y -q --no-install-recommends libvulkan1 libegl1 libx11-6 libxext6 \
  && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
USER node
