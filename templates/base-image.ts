import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

const DOCKERFILE = new URL('node/Dockerfile', import.meta.url);

/** The default of NODE_IMAGE in the Dockerfiles: a tag with its digest. */
export async function pinnedBase(): Promise<string> {
  const [, image = ''] = /^ARG NODE_IMAGE=(.+)$/m.exec(await readFile(DOCKERFILE, 'utf8')) ?? [];
  return image;
}

/** An engine that does not respond within this time is treated as one without images. */
const ENGINE_TIMEOUT_MS = 5_000;

/** Whether the Docker engine has an image. False without an engine. Does not download. */
export async function hasImage(name: string): Promise<boolean> {
  const inspect = ['image', 'inspect', '--format', '{{.Id}}', name];
  return !(await execa('docker', inspect, { reject: false, timeout: ENGINE_TIMEOUT_MS })).failed;
}

/**
 * The base image to build with: NODE_IMAGE, or that of the Dockerfiles. If the engine has an image with its tag, but
 * not with its digest, the tag is returned, because a machine without a registry could not download the digest.
 */
export async function chooseBase(given: string | undefined): Promise<string> {
  if (given) return given;
  const pinned = await pinnedBase();
  const [tag = pinned] = pinned.split('@', 1);
  const [hasPinned, hasTag] = await Promise.all([hasImage(pinned), hasImage(tag)]);
  return hasTag && !hasPinned ? tag : pinned;
}
