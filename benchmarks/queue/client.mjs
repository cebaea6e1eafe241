import http from 'node:http';

/** The gateway's API over as many kept-alive connections as there are clients. */
export function apiClient(url, key, clients) {
  const { hostname, port } = new URL(url);
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients + 1 });
  const authorization = `Bearer ${key}`;

  const call = (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const request = http.request(
        {
          hostname,
          port,
          path,
          method,
          agent,
          headers: {
            authorization,
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          },
        },
        (response) => {
          const chunks = [];
          response.on('data', (d) => chunks.push(d));
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            if (response.statusCode >= 300)
              return reject(new Error(`${method} ${path} answered ${response.statusCode}: ${answer}`));
            resolve(JSON.parse(answer));
          });
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(text);
    });

  const submit = (job) => call('POST', '/api/jobs', job);

  /** Resolves when the job's event stream says that it succeeded. */
  const finished = (id) =>
    new Promise((resolve, reject) => {
      const request = http.get(
        {
          hostname,
          port,
          path: `/api/jobs/${id}/events`,
          agent: false,
          headers: { authorization, accept: 'text/event-stream' },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (d) => {
            text += d;
            if (/"(failed|cancelled)"/.test(text)) reject(new Error(`job ${id} did not succeed:\n${text}`));
            if (!/event: ?succeeded\n/.test(text)) return;
            request.destroy();
            resolve();
          });
          response.on('end', () => reject(new Error(`the stream of job ${id} ended early:\n${text}`)));
        },
      );
      request.on('error', reject);
    });

  return {
    submit,
    finished,
    run: async (job) => finished((await submit(job)).id),
    close: () => agent.destroy(),
  };
}
