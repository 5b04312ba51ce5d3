/**
 * The questions to brokers that are put, by our code and by the client's connections. Stands for the client's index of
 * them, which loads each of them in all of its versions: 250 modules, which every thread would have for itself.
 */
import type { Client } from './client-files.ts';
import { clientFile } from './client-files.ts';

function file<Part>(name: string): Promise<Part> {
  return clientFile(`apis/${name}.js`);
}

/** One question in one version: a module. */
function api<Name extends keyof Client>(name: string): Promise<Client[Name]> {
  return file(name);
}

export const { createPromisifiedCallback, kCallbackPromise } =
  await file<Pick<Client, 'createPromisifiedCallback' | 'kCallbackPromise'>>('callbacks');
export const { createAPI } = await file<Pick<Client, 'createAPI'>>('definitions');

export const createTopicsV7 = await api<'createTopicsV7'>('admin/create-topics-v7');
export const deleteRecordsV2 = await api<'deleteRecordsV2'>('admin/delete-records-v2');
export const describeConfigsV4 = await api<'describeConfigsV4'>('admin/describe-configs-v4');
export const describeGroupsV5 = await api<'describeGroupsV5'>('admin/describe-groups-v5');
export const listGroupsV4 = await api<'listGroupsV4'>('admin/list-groups-v4');
export const offsetDeleteV0 = await api<'offsetDeleteV0'>('admin/offset-delete-v0');
export const fetchV12 = await api<'fetchV12'>('consumer/fetch-v12');
export const heartbeatV4 = await api<'heartbeatV4'>('consumer/heartbeat-v4');
export const joinGroupV7 = await api<'joinGroupV7'>('consumer/join-group-v7');
export const leaveGroupV4 = await api<'leaveGroupV4'>('consumer/leave-group-v4');
export const listOffsetsV6 = await api<'listOffsetsV6'>('consumer/list-offsets-v6');
export const offsetCommitV8 = await api<'offsetCommitV8'>('consumer/offset-commit-v8');
export const offsetFetchV8 = await api<'offsetFetchV8'>('consumer/offset-fetch-v8');
export const offsetForLeaderEpochV4 = await api<'offsetForLeaderEpochV4'>('consumer/offset-for-leader-epoch-v4');
export const syncGroupV5 = await api<'syncGroupV5'>('consumer/sync-group-v5');
export const apiVersionsV1 = await api<'apiVersionsV1'>('metadata/api-versions-v1');
export const findCoordinatorV4 = await api<'findCoordinatorV4'>('metadata/find-coordinator-v4');
export const metadataV12 = await api<'metadataV12'>('metadata/metadata-v12');
export const initProducerIdV4 = await api<'initProducerIdV4'>('producer/init-producer-id-v4');
export const produceV9 = await api<'produceV9'>('producer/produce-v9');
export const saslAuthenticateV0 = await api<'saslAuthenticateV0'>('security/sasl-authenticate-v0');
export const saslAuthenticateV1 = await api<'saslAuthenticateV1'>('security/sasl-authenticate-v1');
export const saslAuthenticateV2 = await api<'saslAuthenticateV2'>('security/sasl-authenticate-v2');
export const saslHandshakeV1 = await api<'saslHandshakeV1'>('security/sasl-handshake-v1');
