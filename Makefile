.DEFAULT_GOAL := help
SHELL := bash
STORE := postgres
ENTER := source tests/tools/environment.sh

.PHONY: help setup demo test newest races chaos hidden bench benchback benchplan lint sanity units integration molecule hosts clusters docs model build clean

help: ## what there is
	@sed -n 's/^\([a-z]*\): ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## an environment in which the playbooks run from this checkout
	@$(ENTER) demo && python tests/tools/setup_checkout.py

demo: ## migrate two services in a fleet made for it on this machine (STORE=cassandra, STORE=mixed)
	@$(ENTER) demo && PYTHONPATH=tests python -m lab demo --store $(STORE)

test: ## every check and every test
	@$(ENTER) test && PYTHONPATH=tests/tools python -m checks test

newest: ## documentation, units and one story of migrations, with the newest ansible-core on Python 3.13
	@tests/tools/newest.sh documentation units migration

races: ## two operators race for one service, COUNT times on each store (1000)
	@$(ENTER) test && PYTHONPATH="$$ANSIBLE_COLLECTIONS_PATH:tests" python -m races $(if $(COUNT),--count $(COUNT))

CHAOS := PYTHONPATH="$$ANSIBLE_COLLECTIONS_PATH:tests:tests/integration" python -m

chaos: ## migrations through random faults: COUNT services (2000), STORE=cassandra
	@$(ENTER) test && $(CHAOS) chaos --store $(STORE) $(if $(COUNT),--count $(COUNT)) $(if $(FROM),--from $(FROM))

hidden: ## migrations with a client that nobody knows of: COUNT services (100), STORE=cassandra
	@$(ENTER) test && $(CHAOS) chaos.hidden --store $(STORE) $(if $(COUNT),--count $(COUNT))

bench: ## what a migration costs beyond a bare restart: COUNT of each (20); writes docs/benchmarks.md
	@$(ENTER) test && PYTHONPATH="$$ANSIBLE_COLLECTIONS_PATH:tests" python -m bench $(if $(COUNT),--count $(COUNT)) \
		--table docs/benchmarks.md

benchback: ## how long the way back takes against forward; writes docs/benchmarks-back.md
	@$(ENTER) test && PYTHONPATH="$$ANSIBLE_COLLECTIONS_PATH:tests" python -m bench.back \
		$(if $(COUNT),--count $(COUNT)) --table docs/benchmarks-back.md

benchplan: ## how long the plan of a large fleet takes (10 and 1,000 services); writes docs/benchmarks-plan.md
	@$(ENTER) test && PYTHONPATH="$$ANSIBLE_COLLECTIONS_PATH:tests" python -m bench.plan --table docs/benchmarks-plan.md

lint: ## style, documentation, changelog, packaging

sanity: ## ansible-test sanity

units: ## ansible-test units

integration: ## pytest against real parts

molecule: ## the collection's playbooks by molecule

hosts: ## the same over SSH on hosts with a root and a systemd of their own, by molecule and end to end; as root

clusters: ## several nodes of a real Cassandra that are lost, and how the lab's nodes use Cassandra

docs: ## the documentation site, in .build/docs/html

lint sanity units integration molecule hosts clusters docs:
	@$(ENTER) test && PYTHONPATH=tests/tools python -m checks $@

model: ## the model of the handover, by spin; one line for each configuration and each guard
	@$(ENTER) test && PYTHONPATH=tests/tools python -m checks.model

build: ## the collection's tarball, in build/
	@$(ENTER) demo && ansible-galaxy collection build --force --output-path build

clean: ## end the lab, and remove all that was made in this checkout
	@if [[ -e .build/lab ]]; then $(ENTER) demo && PYTHONPATH=tests python -m lab down; fi
	@for hosts in .build/hosts .build/molecule-hosts; do if [[ -e $$hosts/hub ]]; then \
		$(ENTER) demo && PYTHONPATH=tests python -m lab hosts down --dir $$hosts; fi; done
	@rm -rf .ansible .build build playbooks/collections
