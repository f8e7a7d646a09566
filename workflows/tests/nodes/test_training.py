"""The nodes to practise with."""

from workflows.nodes.n8n_training_customer_datastore import PEOPLE, TrainingCustomerDatastore
from workflows.nodes.n8n_training_customer_messenger import TrainingCustomerMessenger


def test_customers_are_given_one_some_or_all(run):
    for parameters, count in (
        ({}, 1),
        ({"operation": "getAllPeople", "limit": 2}, 2),
        ({"operation": "getAllPeople", "returnAll": True}, len(PEOPLE)),
    ):
        (made,) = run(TrainingCustomerDatastore, parameters)
        assert len(made) == count
        assert set(made[0]["json"]) == {"id", "name", "email", "notes", "country", "created"}


def test_a_message_is_said_to_be_sent_for_each_item(run):
    (made,) = run(TrainingCustomerMessenger, {"customerId": 7, "message": "hi"}, [{}, {}])
    assert [one["json"]["output"] for one in made] == ["Sent message to customer 7:  hi"] * 2
