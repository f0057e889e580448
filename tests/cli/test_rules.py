from __future__ import annotations

import pytest
from click.testing import CliRunner

from zoneguard.cli.bilingual import Options
from zoneguard.cli.rules import rules
from zoneguard.errors import UsageError
from zoneguard.rules.catalogue import CATALOGUE


def told(*arguments, lang="en"):
    result = CliRunner().invoke(rules, arguments, obj=Options(lang=lang), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_has_one_line_a_rule():
    lines = told("list").splitlines()
    assert [line.split("\t")[0] for line in lines] == [rule.id for rule in CATALOGUE]
    assert told().splitlines() == lines


@pytest.mark.parametrize("name", ["ZG-A05", "a05", "reverse-initiation"])
def test_a_rule_is_explained_by_id_or_name_in_both_languages(name):
    assert "対処" in told("explain", name, lang="ja")
    english = told("explain", name)
    assert "What to do" in english
    assert "第2条(12)" in english


def test_an_unknown_rule_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="did you mean ZG-A05"):
        CliRunner().invoke(rules, ["explain", "ZG-A5"], obj=Options(lang="en"), catch_exceptions=False)


def test_the_clause_table_names_the_rules_and_what_is_not_verified():
    lines = [line.split("\t") for line in told("clauses").splitlines()]
    table = {(line[0], line[2]): line for line in lines}
    assert "ZG-A01" in table["情報セキュリティ要綱", "第2条(8)"][5]
    guideline = "地方公共団体における情報セキュリティポリシーに関するガイドライン"
    assert table[guideline, "3.(1)"][4] == "no"
    assert table[guideline, "6.1"][4] == "yes"


def test_a_citys_own_clauses_are_shown(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[youkou-2-8]\ndocument="規程"\nedition="R8"\nsection="第9条"\ntext="分離"\n', "utf-8")
    assert "規程 R8 第9条" in told("explain", "ZG-A01", "--clauses", str(own))
