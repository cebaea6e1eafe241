import { BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { control } from '@strata/contracts/grpc';
import { createGrpcServer, createLogger, type GrpcServer, tlsOf } from '@strata/service-kit';
import { CONFIG, type Config } from '../config.js';
import { EventHub } from '../events/hub.js';
import { Claims } from './claims.js';
import { CommandBus } from './command-bus.js';
import { EventRecorder } from './recorder.js';
import { Roster } from './roster.js';
import { type ControlStream, WorkerSession } from './session.js';

/** The gRPC server that workers attach to. */
@Injectable()
export class ControlServer implements BeforeApplicationShutdown {
  private readonly sessions = new Set<WorkerSession>();
  /** The latest stream of each worker. */
  private readonly byWorker = new Map<string, WorkerSession>();
  private readonly log = new Logger(ControlServer.name);
  private server: GrpcServer | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly hub: EventHub,
    private readonly claims: Claims,
    private readonly recorder: EventRecorder,
    private readonly roster: Roster,
    commands: CommandBus,
  ) {
    commands.onCommand(({ kind, workerId, jobId }) => {
      const targets = workerId === null ? [...this.byWorker.values()] : [this.byWorker.get(workerId)];
      for (const session of targets) session?.command(kind, jobId);
    });
  }

  get connected(): number {
    return this.byWorker.size;
  }

  /** Returns the port. @throws StrataError `port_in_use`, `invalid_configuration` */
  async listen(): Promise<number> {
    const { GRPC_HOST, GRPC_PORT, SERVICE_TOKEN, LOG_LEVEL } = this.config;
    this.server = createGrpcServer({
      host: GRPC_HOST,
      port: GRPC_PORT,
      token: SERVICE_TOKEN,
      tls: tlsOf(this.config),
      log: createLogger('gateway', LOG_LEVEL, this.config.LOG_PRETTY),
    });
    this.server.add(control.ControlServiceService, {
      attach: (stream) => this.attach(stream),
      claim: (request) => this.claims.claim(request),
    });
    return this.server.listen();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.close()));
    await this.server?.close();
  }

  private attach(stream: ControlStream): void {
    const session = new WorkerSession(stream, {
      gatewayId: this.hub.gatewayId,
      roster: this.roster,
      recorder: this.recorder,
      onHello: (workerId, s) => this.byWorker.set(workerId, s),
      onEnd: (s) => {
        this.sessions.delete(s);
        if (s.workerId && this.byWorker.get(s.workerId) === s) this.byWorker.delete(s.workerId);
      },
      warn: (fields, message) => this.log.warn(fields, message),
    });
    this.sessions.add(session);
  }
}
