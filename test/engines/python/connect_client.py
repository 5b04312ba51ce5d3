"""Drives kafka-connect-py: a JSON line for each call, and one for its answer. Arguments: URL, and credentials if any."""

import json
import sys

from kafka_connect import KafkaConnect
from requests.exceptions import HTTPError

client = KafkaConnect(*sys.argv[1:])

CALLS = {
    "cluster": client.get_cluster_info,
    "plugins": client.list_connector_plugins,
    "validate": client.validate_connector_config,
    "create": lambda name, config: client.create_connector({"name": name, "config": config}),
    "list": client.list_connectors,
    "expand": lambda what: {name: shown[what] for name, shown in client.list_connectors(expand=what).items()},
    "get": client.get_connector,
    "config": client.get_connector_config,
    "status": client.get_connector_status,
    "tasks": client.list_connector_tasks,
    "taskStatus": client.get_connector_task_status,
    "topics": lambda name: client.list_connector_topics(name)[name]["topics"],
    "configure": client.update_connector,
    "pause": client.pause_connector,
    "resume": client.resume_connector,
    "restart": client.restart_connector,
    "restartAll": lambda name: client.restart_connector(name, include_tasks=True),
    "restartTask": client.restart_connector_task,
    "remove": client.delete_connector,
}

for line in sys.stdin:
    call, *words = json.loads(line)
    try:
        answer = {"value": CALLS[call](*words)}
    except HTTPError as error:
        answer = {"refused": {"status": error.response.status_code, "message": error.response.json()["message"]}}
    print(json.dumps(answer), flush=True)
