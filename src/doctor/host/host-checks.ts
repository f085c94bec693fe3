import { statfs } from 'node:fs/promises';
import type { Examination } from '../check.ts';
import type { Scene } from '../look/scene.ts';
import { judgeConfiguration, judgeDisk, judgeRoot, judgeTables, judgeTroubles } from './judge-host.ts';
import { examineLinks, examineSystemCalls, judgeNftAbility } from './kernel.ts';
import { examineNeighbours } from './neighbours.ts';
import { examineTool, judgeNode, TOOLS, type Tool } from './tools.ts';

const HOST = { is: 'host' } as const;
/** Id of the check that our tables can be read: what can't be read is not empty, so much else needs it. */
export const TABLES = 'tables';
/** Logs, and records and sockets. */
const DIRECTORIES = ['/var/log', '/run'];

export function rootCheck(): Examination {
  return {
    id: 'root',
    part: HOST,
    title: 'root',
    needs: [],
    examine: () => judgeRoot(process.geteuid?.()),
  };
}

/** What the machine has to have before any bridge can be served. */
export function hostChecks(scene: Scene): readonly Examination[] {
  const { run } = scene;
  const tools = (Object.keys(TOOLS) as Tool[]).map((tool) => ({
    id: 'tool',
    part: HOST,
    subject: tool,
    title: tool,
    needs: [],
    examine: () => examineTool(tool, run),
  }));
  const disks = DIRECTORIES.map((directory) => ({
    id: 'disk',
    part: HOST,
    subject: directory,
    title: `room in ${directory}`,
    needs: [],
    examine: async () => {
      const { bavail, bsize, files, ffree } = await statfs(directory);
      // A file system that makes inodes as it needs them says that it has none.
      return judgeDisk(directory, bavail * bsize, files === 0 ? 1 : ffree);
    },
  }));
  return [
    rootCheck(),
    {
      id: 'node',
      part: HOST,
      title: 'node',
      needs: [],
      examine: () => judgeNode(process.version, process.execPath),
    },
    ...tools,
    {
      id: 'system-calls',
      part: HOST,
      title: 'system calls',
      needs: [],
      examine: examineSystemCalls,
    },
    {
      id: 'kernel-links',
      part: HOST,
      title: 'kernel: links',
      needs: ['tool/ip'],
      examine: () => examineLinks(run),
    },
    {
      id: 'kernel-nft',
      part: HOST,
      title: 'kernel: nftables',
      needs: ['tool/nft'],
      examine: async () => judgeNftAbility(await scene.nft()),
    },
    {
      id: TABLES,
      part: HOST,
      title: 'nft tables',
      needs: ['tool/nft'],
      examine: async () => judgeTables(await scene.tables()),
    },
    {
      id: 'neighbours',
      part: HOST,
      title: 'kernel: neighbours',
      needs: [],
      examine: examineNeighbours,
    },
    {
      id: 'configuration',
      part: HOST,
      title: 'configuration',
      needs: [],
      examine: async () => judgeConfiguration(await scene.config()),
    },
    {
      id: 'hooks',
      part: HOST,
      title: 'hooks',
      needs: [],
      examine: () => judgeTroubles(scene.troubles()),
    },
    ...disks,
  ];
}
