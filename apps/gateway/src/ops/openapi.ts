import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

const DESCRIPTION = `Every request but those marked open carries an API key: \`Authorization: Bearer sk-strata-…\`.
Errors are problem details (RFC 9457) with a stable \`code\`; \`GET /api/errors\` lists them all.
Lists are newest first; pass \`next\` of one page as \`?after=\` for the following one.`;

/** The document at `/api/openapi.json`, rendered at `/api/docs`; it is made from the same schemas that validate requests. */
export function describeApi(app: NestFastifyApplication): void {
  const build = () =>
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
    );
  SwaggerModule.setup('api/docs', app, build, {
    jsonDocumentUrl: 'api/openapi.json',
    yamlDocumentUrl: 'api/openapi.yaml',
    customSiteTitle: 'Strata API',
  });
}
