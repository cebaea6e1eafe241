import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DynamicModule } from '@nestjs/common';
import { newId, type LogFields, type Logger } from '@strata/kernel';
import { LoggerModule } from 'nestjs-pino';
import { pino, stdTimeFunctions, type Level, type LoggerOptions } from 'pino';

export type LogSetting = Level | 'silent';

/** The kernel's logger port with fields that go into every line (`request_id`, `job_id`). */
export interface ServiceLogger extends Logger {
  child(fields: LogFields): ServiceLogger;
}

function pinoOptions(service: string, level: LogSetting, pretty: boolean): LoggerOptions {
  return {
    level,
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    // a key in a header must not end in a log file
    redact: ['req.headers.authorization', 'req.headers.cookie'],
    ...(pretty
      ? { transport: { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname,service' } } }
      : { formatters: { level: (label) => ({ level: label }) } }),
  };
}

/** One JSON object per line on standard output. */
export function createLogger(service: string, level: LogSetting = 'info', pretty = false): ServiceLogger {
  return pino(pinoOptions(service, level, pretty)) as ServiceLogger;
}

const REQUEST_ID_SHAPE = /^[A-Za-z0-9._-]{1,100}$/;

/**
 * Nest's logger over pino. Every HTTP request has an id: the caller's `x-request-id` when it is plain, a new one otherwise; it is in each
 * log line and in the response.
 */
export function logging(service: string, level: LogSetting = 'info', pretty = false): DynamicModule {
  return LoggerModule.forRoot({
    pinoHttp: {
      ...pinoOptions(service, level, pretty),
      quietReqLogger: true,
      customAttributeKeys: { reqId: 'request_id' },
      genReqId(req: IncomingMessage, res: ServerResponse) {
        const given = req.headers['x-request-id'];
        const id = typeof given === 'string' && REQUEST_ID_SHAPE.test(given) ? given : newId('request');
        res.setHeader('x-request-id', id);
        return id;
      },
      customLogLevel: (_req, res, error) => (error || res.statusCode >= 500 ? 'error' : 'debug'),
      autoLogging: { ignore: (req) => /^\/(api\/)?(health|metrics)\b/.test(req.url ?? '') },
    },
  });
}
