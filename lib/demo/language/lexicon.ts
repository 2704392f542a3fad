/**
 * The words of the demo's language. A *concept* is a list of words that mean the same; the grammar speaks of concepts and
 * picks one of the words, so that two sentences can say the same in other words.
 */
export type Concept = readonly string[];

export interface Topic {
  readonly name: string;
  /** Who acts: nouns in the singular, plural with -s. */
  readonly agents: readonly Concept[];
  /** What is acted on. */
  readonly things: readonly Concept[];
  /** Where. */
  readonly places: readonly Concept[];
  /** Verbs in the plural form, singular with -s. */
  readonly verbs: readonly Concept[];
}

/** Parses "boat=ship net=mesh" into concepts. */
function concepts(text: string): Concept[] {
  return text.split(' ').map((words) => words.split('='));
}

export const topics: readonly Topic[] = [
  {
    name: 'sea',
    agents: concepts('sailor=seaman captain=skipper diver=swimmer pirate=raider'),
    things: concepts('boat=ship net=mesh anchor=hook sail=canvas'),
    places: concepts('harbor=port island=isle shore=beach'),
    verbs: concepts('steer=navigate mend=repair haul=drag hoist=raise'),
  },
  {
    name: 'farm',
    agents: concepts('farmer=grower shepherd=herder gardener=planter miller=grinder'),
    things: concepts('tractor=plow dog=hound apple=fruit carrot=root'),
    places: concepts('barn=shed field=meadow orchard=grove'),
    verbs: concepts('harvest=gather feed=nourish plant=sow water=irrigate'),
  },
  {
    name: 'music',
    agents: concepts('singer=vocalist drummer=percussionist pianist=organist composer=songwriter'),
    things: concepts('song=tune guitar=lute trumpet=horn rhythm=beat'),
    places: concepts('stage=platform studio=workshop theater=opera'),
    verbs: concepts('perform=play record=tape compose=write rehearse=practice'),
  },
  {
    name: 'school',
    agents: concepts('teacher=instructor student=pupil librarian=archivist professor=lecturer'),
    things: concepts('lesson=lecture book=volume exam=test essay=paper'),
    places: concepts('classroom=hall campus=college library=archive'),
    verbs: concepts('study=learn explain=clarify grade=mark discuss=debate'),
  },
  {
    name: 'kitchen',
    agents: concepts('cook=chef baker=confectioner waiter=server butcher=carver'),
    things: concepts('cake=pastry soup=broth pan=skillet oven=stove'),
    places: concepts('kitchen=galley pantry=larder restaurant=diner'),
    verbs: concepts('taste=sample stir=mix slice=cut roast=bake'),
  },
];

/** Opinions. Entry i of one list is the opposite of entry i of the other. */
export const praise = concepts(
  'happy=glad brave=bold kind=gentle clever=smart honest=sincere calm=serene polite=courteous strong=sturdy',
);
export const blame = concepts(
  'sad=gloomy timid=fearful cruel=harsh foolish=silly false=deceitful angry=furious rude=impolite weak=feeble',
);

/** What "we" do about it: says in a verb what the opinion says in an adjective. */
export const verdicts = {
  good: concepts('thank=greet invite=welcome trust=follow'),
  bad: concepts('avoid=shun dismiss=reject doubt=ignore'),
};

/** Adjectives without an opinion. */
export const plain = concepts(
  'old=aged young=youthful tall=high small=little red=scarlet wet=damp quiet=silent local=native',
);

/** Adverbs before the verb. */
export const adverbs = concepts('often=frequently slowly=gradually quickly=rapidly again=anew today=now');

export const functionWords = {
  determiners: { singular: ['the', 'one', 'this', 'that'], plural: ['the', 'some', 'these', 'those'] },
  prepositions: ['near', 'beyond', 'behind', 'beside'],
  places: ['in', 'at'],
  pronoun: { singular: 'it', plural: 'they' },
  be: { singular: 'is', plural: 'are' },
  seem: { singular: 'seems', plural: 'seem' },
  negations: ['not', 'hardly'],
  therefore: ['so', 'we', 'them', 'it'],
  joiners: ['and', 'while', 'because'],
  punctuation: [',', '.'],
} as const;
