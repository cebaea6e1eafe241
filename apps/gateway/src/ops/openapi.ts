import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Problem } from '@strata/contracts';
import { z } from 'zod';
import { PROBLEM_TYPE } from '../http/problem.js';

const DESCRIPTION = `Every request but those marked open carries an API key: \`Authorization: Bearer sk-strata-…\`.
Errors are problem details (RFC 9457) with a stable \`code\`; \`GET /api/errors\` lists them all.
Lists are newest first; pass \`next\` of one page as \`?after=\` for the following one.`;

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'] as const;
/** Tags whose routes are open to everybody. */
const OPEN = new Set(['operations', 'errors']);

/** What holds for every operation: errors are problems, and a key is needed unless the route is open. */
function complete(document: OpenAPIObject): OpenAPIObject {
  const { $schema: _, id: __, ...schema } = z.toJSONSchema(Problem);
  document.components ??= {};
  document.components.schemas = { ...document.components.schemas, Problem: schema as object };
  const content = { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };
  for (const path of Object.values(document.paths))
    for (const method of METHODS) {
      const operation = path[method];
      if (!operation) continue;
      operation.responses['default'] ??= { description: 'What went wrong', content };
      if (operation.tags?.some((tag) => OPEN.has(tag))) operation.security = [];
    }
  return document;
}

/** The document at `/api/openapi.json`, rendered at `/api/docs`; it is made from the same schemas that validate requests. */
export function describeApi(app: NestFastifyApplication): void {
  const build = () =>
    complete(
      SwaggerModule.createDocument(
        app,
        new DocumentBuilder()
          .setOpenAPIVersion('3.1.0')
          .setTitle('Strata')
          .setDescription(DESCRIPTION)
          .setVersion('1')
          .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
          .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'API key' })
          .addSecurityRequirements('bearer')
          .build(),
      ),
    );
  SwaggerModule.setup('api/docs', app, build, {
    jsonDocumentUrl: 'api/openapi.json',
    yamlDocumentUrl: 'api/openapi.yaml',
    customSiteTitle: 'Strata API',
  });
}
