"""Both stacks for AWS initialise, validate, plan and test, with no credentials; a policy is held against the plan."""

import json
import os
import pathlib
import shutil

import pytest

from support.containers import missing
from support.process import run

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "target"
TESTS = pathlib.Path(__file__).parent / "terraform"
# What an offline plan needs to know of AWS: nothing is asked.
OFFLINE = """provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}
"""
VARIABLES = {"terraform-ecs": ["-var", "zone_id=Z0", "-var", 'hosts=["shop.example","www.shop.example"]'],
             "terraform-lambda": []}


def plugin_mirror():
    """The folder of a file-system mirror that holds the AWS provider, if this machine has one."""
    if given := os.environ.get("FAIRLEAD_TERRAFORM_MIRROR"):
        return given
    for root in ("/opt", "/usr/share/terraform", "/usr/local/share/terraform", os.path.expanduser("~/.terraform.d")):
        for found in pathlib.Path(root).glob("**/hashicorp/aws"):
            return found.parents[2] if found.parents[1].name.startswith("registry.") else found.parents[1]
    return None


class Stack:
    def __init__(self, folder, source):
        self.folder = folder / "stack"
        shutil.copytree(source, self.folder)
        (self.folder / "offline_override.tf").write_text(OFFLINE)
        self.target = source.name
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        if mirror := plugin_mirror():
            config = folder / "terraformrc"
            config.write_text('disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n'
                              f'    path = "{mirror}"\n    include = ["hashicorp/*"]\n  }}\n'
                              '  direct { exclude = ["hashicorp/*"] }\n}\n')
            self.env["TF_CLI_CONFIG_FILE"] = str(config)
        self.init()

    def init(self):
        self.run("init", "-backend=false", "-input=false")

    def run(self, *words):
        done = run("terraform", f"-chdir={self.folder}", *words, "-no-color", env=self.env, seconds=280)
        assert done.returncode == 0, f"terraform {words[0]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def plan(self):
        self.run("plan", "-input=false", "-out", "plan", *VARIABLES[self.target])
        return json.loads(run("terraform", f"-chdir={self.folder}", "show", "-json", "plan", env=self.env).stdout)


@pytest.fixture
def stack(request, folder):
    if reason := missing("terraform"):
        pytest.skip(reason)
    return Stack(folder, GOLDEN / request.param)


def resources(plan):
    def below(module):
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from below(child)

    return [r for r in below(plan["planned_values"]["root_module"]) if r["mode"] == "managed"]


def of_type(plan, kind):
    return [r["values"] for r in resources(plan) if r["type"] == kind]


STACKS = ["airdata/terraform-ecs", "airquality/terraform-ecs", "hello/terraform-lambda"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_plans_within_the_policy(stack):
    stack.run("validate")
    stack.run("fmt", "-check", "-recursive")
    plan = stack.plan()
    assert len(resources(plan)) > 20
    encrypted_at_rest(plan)
    nothing_but_the_balancer_is_public(plan)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stack", ["airdata/terraform-ecs", "hello/terraform-lambda"], indirect=True)
def test_rights_are_narrow(stack):
    """With made-up answers of AWS, so that every policy is known to its last character."""
    shutil.copy(TESTS / f"{stack.target}.tftest.hcl", stack.folder)
    stack.init()  # the test names a module of its own
    done = stack.run("test", *VARIABLES[stack.target])
    assert " 0 failed" in done, done


def encrypted_at_rest(plan):
    for database in of_type(plan, "aws_db_instance"):
        assert database["storage_encrypted"] is True
    for cache in of_type(plan, "aws_elasticache_replication_group"):
        assert cache["at_rest_encryption_enabled"] in (True, "true")
    for table in of_type(plan, "aws_dynamodb_table"):
        assert table["server_side_encryption"][0]["enabled"] and table["point_in_time_recovery"][0]["enabled"]
    for repository in of_type(plan, "aws_ecr_repository"):
        assert repository["encryption_configuration"][0]["encryption_type"] in ("AES256", "KMS")
    kinds = {r["type"] for r in resources(plan)}
    assert not kinds & {"aws_s3_bucket", "aws_sns_topic", "aws_sqs_queue", "aws_efs_file_system"}, "say how it is encrypted"


def nothing_but_the_balancer_is_public(plan):
    for database in of_type(plan, "aws_db_instance"):
        assert database["publicly_accessible"] is False
    for service in of_type(plan, "aws_ecs_service"):
        assert not service["network_configuration"][0]["assign_public_ip"]
    for group in of_type(plan, "aws_security_group"):
        from_everywhere = [rule for rule in group["ingress"] if "0.0.0.0/0" in rule["cidr_blocks"]]
        assert not from_everywhere or group["description"] == "Users"
        assert {rule["from_port"] for rule in from_everywhere} <= {80, 443}
